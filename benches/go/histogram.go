package main

import "math/bits"

const (
	parts   = 64
	classes = 40 * parts
)

// histogram counts durations as benches/histogram.h does.
type histogram struct {
	count   uint64
	classes [classes]uint32
}

func classOf(duration uint64) int {
	if duration < parts {
		return int(duration)
	}
	halvings := 63 - bits.LeadingZeros64(duration) - 6
	class := (halvings+1)*parts + int((duration>>uint(halvings))-parts)
	if class >= classes {
		return classes - 1
	}
	return class
}

func middleOf(class int) float64 {
	if class < parts {
		return float64(class)
	}
	return (float64(class%parts+parts) + 0.5) * float64(uint64(1)<<uint(class/parts-1))
}

func (h *histogram) add(duration uint64) {
	h.count++
	h.classes[classOf(duration)]++
}

func (h *histogram) merge(other *histogram) {
	h.count += other.count
	for i := range h.classes {
		h.classes[i] += other.classes[i]
	}
}

// us is the duration in microseconds that this part of all stays below.
func (h *histogram) us(part float64) float64 {
	seen := uint64(0)
	for i := range h.classes {
		seen += uint64(h.classes[i])
		if seen > 0 && float64(seen) >= part*float64(h.count) {
			return middleOf(i) / 1e3
		}
	}
	return 0
}
