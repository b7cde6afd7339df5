package main

import (
	"bufio"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// usage is the processor time of this process so far, in microseconds.
type usage struct {
	user, all float64
	switches  int64
}

func usageNow() usage {
	var used syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &used)
	user := float64(used.Utime.Sec)*1e6 + float64(used.Utime.Usec)
	return usage{user, user + float64(used.Stime.Sec)*1e6 + float64(used.Stime.Usec), used.Nvcsw + used.Nivcsw}
}

// status is a number of /proc/self/status, memory in KB.
func status(name string) int {
	file, err := os.Open("/proc/self/status")
	if err != nil {
		return 0
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) > 1 && fields[0] == name+":" {
			number, _ := strconv.Atoi(fields[1])
			return number
		}
	}
	return 0
}

func descriptorsNow() int {
	entries, _ := os.ReadDir("/proc/self/fd")
	return len(entries) - 1 // without that of the directory itself
}
