package projection

// Only returns an engine that feeds one of the projections of e, and nothing else. The two
// share what they know of it.
func (e *Engine) Only(projection string) (*Engine, error) {
	f, err := e.feeder(projection)
	if err != nil {
		return nil, err
	}
	return &Engine{source: e.source, views: e.views, feeders: []*feeder{f}, decoders: e.decoders, opts: e.opts}, nil
}
