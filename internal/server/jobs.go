package server

import "fmt"

// Jobs say how backup, copy and restore jobs share the machine.
type Jobs struct {
	// AtOnce is how many small jobs work at once, beside half as many of 256 MiB and more; 4 if 0.
	AtOnce int `yaml:"at_once"`
	// Memory is how much all jobs together hold of data on its way, such as 512MB; 512MB if empty. Jobs wait for their share in the
	// order in which they come.
	Memory string `yaml:"memory"`

	memory int64
}

const (
	defaultJobMemory = "512MB"
	leastJobMemory   = 16 << 20 // less than what one small job takes
)

func (j *Jobs) complete() error {
	if j.AtOnce < 0 {
		return fmt.Errorf("jobs.at_once is %d; it cannot be below zero", j.AtOnce)
	}
	if j.Memory == "" {
		j.Memory = defaultJobMemory
	}
	bytes, err := parseBytes(j.Memory)
	if err != nil || bytes < leastJobMemory {
		return fmt.Errorf("jobs.memory: %q is not a size such as 512MB or 2GB, of 17MB at least", j.Memory)
	}
	j.memory = int64(bytes)
	return nil
}

// JobMemory tells how many bytes jobs hold of data on its way, and how many they held at most.
func (s *Server) JobMemory() (now, most int64) { return s.memory.Held() }
