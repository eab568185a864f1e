package dynamostore

import (
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"

	"github.com/leftfold/leftfold/eventstore"
)

// mostUnpacked bounds what a damaged item can make us allocate: the payloads of the
// largest commit, with a comma for each event.
const mostUnpacked = eventstore.MaxCommitBytes + eventstore.MaxCommitEvents + 2

// The coders keep tables that cost much more to make than to use; EncodeAll and
// DecodeAll may be called at the same time.
var (
	encoder = sync.OnceValue(func() *zstd.Encoder {
		e, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false)) // the frame has a checksum
		if err != nil {
			panic(err) // the options are constants
		}
		return e
	})
	decoder = sync.OnceValue(func() *zstd.Decoder {
		d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(mostUnpacked))
		if err != nil {
			panic(err) // the options are constants
		}
		return d
	})
)

func pack(text []byte) []byte { return encoder().EncodeAll(text, nil) }

func unpack(packed []byte) ([]byte, error) {
	text, err := decoder().DecodeAll(packed, nil)
	if err != nil {
		return nil, fmt.Errorf("the payloads can not be unpacked: %w", err)
	}
	return text, nil
}
