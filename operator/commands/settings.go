package commands

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/leftfold/leftfold/operator/terminal"
)

const environmentKey = "leftfold.environment"

// FromEnvironment lets flags be given by the environment, too: --store by LEFTFOLD_STORE. A
// flag on the command line wins. Those named store, color and time may be given by the file
// leftfold.toml in the working directory as well, over which the environment wins.
func FromEnvironment(flags *pflag.FlagSet, names ...string) {
	for _, name := range names {
		f := flags.Lookup(name)
		if f.Annotations == nil {
			f.Annotations = map[string][]string{}
		}
		f.Annotations[environmentKey] = []string{"LEFTFOLD_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))}
	}
}

const (
	configFile  = "leftfold.toml"
	profileFlag = "profile"
)

// settings are those of a profile of leftfold.toml, or of the file itself.
type settings struct {
	Store string `toml:"store"`
	Color string `toml:"color"`
	Time  string `toml:"time"`
}

func (s settings) of(flag string) string {
	return map[string]string{"store": s.Store, "color": s.Color, "time": s.Time}[flag]
}

// isInFile reports whether the file may give a flag.
func isInFile(f *pflag.Flag) bool {
	return f.Annotations[environmentKey] != nil && settings{"store", "color", "time"}.of(f.Name) != ""
}

// addProfile adds --profile where leftfold.toml may give a flag.
func addProfile(flags *pflag.FlagSet) {
	takes := false
	flags.VisitAll(func(f *pflag.Flag) { takes = takes || isInFile(f) })
	if takes && flags.Lookup(profileFlag) == nil {
		flags.String(profileFlag, "", "the profile of "+configFile+" whose settings are taken")
		FromEnvironment(flags, profileFlag)
	}
}

// config is what leftfold.toml says: the settings of the profile win over those that belong to
// none.
type config struct {
	settings
	chosen  settings
	profile string
}

// of returns the value that it gives a flag, and where that stands; "" for none.
func (c config) of(flag string) (value, source string) {
	if v := c.chosen.of(flag); v != "" {
		return v, configFile + ", profile " + c.profile
	}
	return c.settings.of(flag), configFile
}

// readConfig reads leftfold.toml, if it is there.
func readConfig(cmd *cobra.Command, t *terminal.Terminal) (c config, err error) {
	f := cmd.LocalNonPersistentFlags().Lookup(profileFlag)
	if f == nil {
		return c, nil
	}
	if c.profile = f.Value.String(); c.profile == "" {
		c.profile = t.Getenv(f.Annotations[environmentKey][0])
	}
	text, err := t.ReadFile(configFile)
	switch {
	case errors.Is(err, fs.ErrNotExist) && c.profile == "":
		return c, nil
	case errors.Is(err, fs.ErrNotExist):
		return c, wrongConfig("there is no profile %q: the working directory has no %s", c.profile, configFile)
	case err != nil:
		return c, fmt.Errorf("read the settings: %w", err)
	}
	var file struct {
		settings
		Profile map[string]settings `toml:"profile"`
	}
	about, err := toml.Decode(string(text), &file)
	if err != nil {
		return c, wrongConfig("%s: %s", configFile, strings.TrimPrefix(err.Error(), "toml: "))
	}
	if unknown := about.Undecoded(); len(unknown) > 0 {
		var names []string
		for _, key := range unknown {
			names = append(names, key.String())
		}
		return c, wrongConfig("%s: no such setting: %s", configFile, strings.Join(names, ", "))
	}
	c.settings = file.settings
	chosen, there := file.Profile[c.profile]
	if c.profile != "" && !there {
		return c, wrongConfig("%s has no profile %q; it has: %s", configFile, c.profile, strings.Join(slices.Sorted(maps.Keys(file.Profile)), ", "))
	}
	c.chosen = chosen
	return c, nil
}

func wrongConfig(format string, args ...any) error {
	return &terminal.Error{Class: terminal.ErrUsage, Text: fmt.Sprintf(format, args...),
		Fix: configFile + ` has the settings store, color and time, alone or in a table [profile.NAME], such as store = "dynamodb:shop"`}
}

// settle takes from the environment, and from leftfold.toml, what no flag gives. With --verbose
// it says where each setting comes from.
func settle(cmd *cobra.Command, t *terminal.Terminal) error {
	file, err := readConfig(cmd, t)
	cmd.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
		variable := f.Annotations[environmentKey]
		if err != nil || variable == nil {
			return
		}
		source, value := "default", ""
		if f.Changed {
			source = "flag"
		} else if given := t.Getenv(variable[0]); given != "" {
			source, value = variable[0], given
		} else if given, where := file.of(f.Name); given != "" {
			source, value = where, given
		}
		if value != "" {
			if wrong := cmd.Flags().Set(f.Name, value); wrong != nil {
				err = Wrong(cmd, "%s: %s: %v", source, f.Name, wrong)
			}
		}
		if t.Verbose && f.Value.String() != "" {
			t.Say("--%s %s (%s)", f.Name, f.Value, source)
		}
	})
	return err
}
