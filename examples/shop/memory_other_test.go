//go:build !linux

package main

// peakMemory is known on Linux only.
func (p *process) peakMemory() (a answer, peak int) { return p.wait(), 0 }
