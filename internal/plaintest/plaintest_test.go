package plaintest

import (
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// outcome is the variable that says how the test inside ends.
const outcome = "LEFTFOLD_PLAINTEST_OUTCOME"

func TestATestGoesOnWithoutTheDetectorOnly(t *testing.T) {
	if Run(t) {
		require.True(t, detector)
		return
	}
	assert.False(t, detector)
	switch os.Getenv(outcome) {
	case "fail":
		t.Fatal("failed inside")
	case "skip":
		t.Skip("skipped inside")
	}
}

func TestATestThatFailsInsideFailsAndOneThatIsSkippedIsSkipped(t *testing.T) {
	t.Parallel()
	if !detector {
		t.Skip("nothing is run inside")
	}
	for how, says := range map[string]string{"fail": "--- FAIL: TestATestGoesOnWithoutTheDetectorOnly", "skip": "--- SKIP: TestATestGoesOnWithoutTheDetectorOnly"} {
		cmd := exec.Command(os.Args[0], "-test.run", "^TestATestGoesOnWithoutTheDetectorOnly$", "-test.v")
		cmd.Env = append(os.Environ(), outcome+"="+how)
		out, err := cmd.CombinedOutput()
		assert.Equal(t, how == "fail", err != nil)
		text := string(out)
		assert.Regexp(t, "(?m)^"+says, text)
		assert.Contains(t, text, "inside")
	}
}
