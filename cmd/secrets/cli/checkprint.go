package cli

import (
	"fmt"
	"time"
)

// printReport prints what check found, and returns the error that makes the
// exit code.
func (a *app) printReport(rep report) error {
	if a.json {
		if err := a.printJSON(rep); err != nil {
			return err
		}
	} else {
		a.printTables(rep)
		a.printProblems(rep)
	}
	if !rep.OK {
		return silentError{ExitFailure}
	}
	return nil
}

func (a *app) printTables(rep report) {
	var rows [][]cell
	for _, p := range rep.Providers {
		row := []cell{{p.Provider, plain}, stateCell(p.State), {p.Credentials, plain}, {milliseconds(p.LatencyMS), plain}}
		if p.Below != "" {
			row[0].text += " (" + p.Below + ")"
		}
		rows = append(rows, row)
	}
	if len(rows) > 0 {
		a.out.table([]string{"PROVIDER", "STATE", "CREDENTIALS", "LATENCY"}, rows)
	}
	against := false
	rows = nil
	for _, n := range rep.Names {
		row := []cell{
			{n.Name, plain}, stateCell(n.State), {orDash(n.Document), plain}, {orDash(n.Version), plain},
			{age(n.Created, n.AgeSeconds), plain}, {milliseconds(n.LatencyMS), plain},
		}
		if n.Running != nil {
			against = true
			with := green
			switch {
			case n.Running.bad():
				with = red
			case n.Running.State != runningSame:
				with = yellow
			}
			row = append(row, cell{n.Running.describe(), with})
		}
		rows = append(rows, row)
	}
	if len(rows) == 0 {
		return
	}
	heading := []string{"NAME", "STATE", "DOCUMENT", "VERSION", "AGE", "LATENCY"}
	if against {
		heading = append(heading, "RUNNING")
	}
	if a.out.terminal && len(rep.Providers) > 0 {
		a.out.printf("\n")
	}
	a.out.table(heading, rows)
}

// printProblems says in full what is wrong: on standard error, where it does
// not get between the lines that a program reads.
func (a *app) printProblems(rep report) {
	problem := func(subject, text, permission string) {
		a.err.printf("%s: %s\n", a.err.paint(bold, subject), text)
		if permission != "" {
			a.err.printf("  missing permission: %s\n", a.err.paint(yellow, permission))
		}
	}
	if a.out.terminal && !rep.OK {
		a.out.printf("\n")
	}
	for _, p := range rep.Providers {
		switch {
		case p.Error != "":
			problem(p.Provider, p.Error, p.Permission)
		case p.Note != "":
			a.err.printf("%s: %s\n", p.Provider, p.Note)
		}
	}
	for _, n := range rep.Names {
		if n.Error != "" {
			problem(n.Name, n.Error, n.Permission)
		}
	}
}

func stateCell(state string) cell {
	if state == stateOK {
		return cell{state, green}
	}
	return cell{state, red}
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func milliseconds(ms float64) string {
	if ms < 10 {
		return fmt.Sprintf("%.1fms", ms)
	}
	return fmt.Sprintf("%.0fms", ms)
}

// age returns how old a version is, in its largest unit.
func age(created time.Time, seconds float64) string {
	d := time.Duration(seconds) * time.Second
	switch {
	case created.IsZero():
		return "-"
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}
