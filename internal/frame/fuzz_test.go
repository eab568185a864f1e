package frame_test

import (
	"encoding/binary"
	"hash/crc32"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/internal/frame"
)

// seal puts the checksum right, which else would keep the fuzzer from getting
// past the first check.
func seal(header, text []byte) {
	table := crc32.MakeTable(crc32.Castagnoli)
	binary.LittleEndian.PutUint32(header[1:5], crc32.Update(crc32.Checksum(text, table), table, header[5:]))
}

func FuzzDecode(f *testing.F) {
	for _, events := range samples() {
		header, text := frame.Encode(events)
		f.Add(header, text)
	}
	// Frames that only look right: an unused kind, a kind twice, a number with a
	// byte too many, a kind of no event, counts beyond the end, kinds in another
	// order, and payloads that no comma divides.
	for _, body := range []string{
		"\x02\x01A\x01\x01B\x01\x01\x00\x01", "\x02\x01A\x01\x01A\x01\x02\x00\x01\x01\x01", "\x01\x01A\x81\x00\x01\x01",
		"\x00\x01\x01", "\xff\xff\xff\xff\x0f", "\x01\xff\x7fA\x01\x01\x01", "\x01\x01A\x01\xff\x7f", "\x01\x01A\x01\x01\xff\x7f", "",
		"\x02\x01A\x01\x01B\x01\x02\x01\x01\x00\x01", "\x01\x01A\x01\x02\x01\x01",
	} {
		f.Add(append([]byte("\x01\x00\x00\x00\x00"), body...), []byte("[1]"))
		f.Add(append([]byte("\x01\x00\x00\x00\x00"), body...), []byte("[1;1]"))
	}
	f.Fuzz(func(t *testing.T, header, text []byte) {
		header = append([]byte(nil), header...)
		if len(header) >= 5 {
			seal(header, text)
		}
		events, err := frame.Decode(header, text, nil)
		if err != nil {
			assert.NotEmpty(t, err.Error())
			return
		}
		header2, text2 := frame.Encode(events)
		require.Equal(t, header, header2, "what is accepted is what would be written")
		require.Equal(t, text, text2)
		require.Equal(t, len(events), len(frame.Split(events, text)))
	})
}
