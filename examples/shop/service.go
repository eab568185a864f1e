package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/sqlitestore"
	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/sqliteviews"
)

// Store is what the shop needs of an event store.
type Store interface {
	eventstore.Store
	eventstore.Directory
	eventstore.Scanner
}

// Service is the shop, wired: a store, its views, and what works on them.
type Service struct {
	Store     Store
	Views     projection.ViewStore
	Feed      func(consumer string) eventstore.Feed
	Customers *aggregate.Repository[Customer, CustomerEvent]
	close     func() error
}

// cachedCustomers bounds the memory of a long load.
const cachedCustomers = 100

// openService opens the store that a URL names, such as sqlite:shop.db. This is the
// one place that knows which stores there are.
func openService(ctx context.Context, url string, mustExist bool) (*Service, error) {
	scheme, path, named := strings.Cut(url, ":")
	switch {
	case !named || path == "":
		return nil, storeErrorf("--store %q: a store is named SCHEME:PLACE", url)
	case scheme != "sqlite":
		return nil, storeErrorf("--store %q: this program has no store of the scheme %q, only sqlite", url, scheme)
	}
	store, err := sqlitestore.Open(ctx, path, sqlitestore.Options{MustExist: mustExist})
	if err != nil {
		return nil, err
	}
	views, err := sqliteviews.Open(ctx, path, sqliteviews.Options{MustExist: true})
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return &Service{
		Store:     store,
		Views:     views,
		Feed:      func(consumer string) eventstore.Feed { return store.Feed(consumer) },
		Customers: aggregate.NewRepository(store, Customers, aggregate.Options{CacheStreams: cachedCustomers}),
		close:     func() error { return errors.Join(views.Close(), store.Close()) },
	}, nil
}

func storeErrorf(format string, args ...any) error {
	return &spokenError{class: errUsage, text: fmt.Sprintf(format, args...), hint: "name a file, for example --store sqlite:shop.db"}
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

// projections are all that the shop has.
func projections() []*projection.Projection {
	return []*projection.Projection{ProductStatsV1, PurchaseHistoryV1}
}

func workerOptions(logger *slog.Logger) projection.Options {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return projection.Options{Name: fmt.Sprintf("%s/%d", host, os.Getpid()), Build: build(), Logger: logger}
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
