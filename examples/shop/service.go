package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
	"syscall"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/operator"
	"github.com/leftfold/leftfold/projection"
)

// Service is the shop, wired: a store, its views, and what works on them.
type Service struct {
	Store     Store
	Views     projection.ViewStore
	Feed      openFeed
	Customers *aggregate.Repository[Customer, CustomerEvent]
	// Edition says which projections the program carries.
	Edition edition
	// Tailer shows what is stored as it happens; nil where the store does.
	Tailer eventstore.Tailer
	// Usage tells what was used of DynamoDB so far; nil on another store.
	Usage func() operator.Usage
	close func() error
}

// cachedCustomers bounds the memory of a long load.
const cachedCustomers = 100

// openService opens the store that a URL names, and wires the shop.
func openService(ctx context.Context, url string, mustExist bool, e edition) (*Service, error) {
	s, err := openStores(ctx, url, mustExist)
	if err != nil {
		return nil, err
	}
	return newService(s, e), nil
}

func newService(s stores, e edition) *Service {
	return &Service{
		Edition:   e,
		Store:     s.store,
		Views:     s.views,
		Feed:      s.feed,
		Usage:     s.usage,
		Customers: aggregate.NewRepository(s.store, Customers, aggregate.Options{CacheStreams: cachedCustomers}),
		Tailer:    s.tailer,
		close:     s.close,
	}
}

// Close gives everything up.
func (s *Service) Close() error { return s.close() }

// isFull reports whether a disk has no room: SQLite's result code says so, or the
// operating system.
func isFull(err error) bool {
	const sqliteFull = 13
	coded, ok := errors.AsType[interface {
		error
		Code() int
	}](err)
	return ok && coded.Code()&0xff == sqliteFull || errors.Is(err, syscall.ENOSPC)
}

func workerOptions(logger *slog.Logger) projection.Options {
	return projection.Options{Name: workerName(), Build: build(), Logger: logger}
}

// workerName tells this process from others, to people.
func workerName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s/%d", host, os.Getpid())
}

// build names the program's version as far as the toolchain knows it.
func build() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return "shop@" + s.Value[:12]
		}
	}
	return "shop@" + info.Main.Version
}
