package cli

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"commerce-segment/infra/docs"
)

func TestEveryCommandInTheDocumentsExists(t *testing.T) {
	calls := 0
	for _, d := range docs.All(t, "../../..") {
		for _, arguments := range d.Commands("hub") {
			calls++
			if wrong := wrongIn(arguments); wrong != "" {
				t.Errorf("%s says hub %s: there is no %s", d.Path, strings.Join(arguments, " "), wrong)
			}
		}
	}
	if calls < 100 {
		t.Errorf("only %d calls of hub were found: the documents are not read", calls)
	}
}

func TestEveryCommandInAnExampleExists(t *testing.T) {
	examples := 0
	var check func(*cobra.Command)
	check = func(command *cobra.Command) {
		example := docs.Document{Code: []docs.Code{{Language: "sh", Text: command.Example}}}
		for _, arguments := range example.Commands("hub") {
			examples++
			if wrong := wrongIn(arguments); wrong != "" {
				t.Errorf("an example of %s says hub %s: there is no %s", command.CommandPath(), strings.Join(arguments, " "), wrong)
			}
		}
		for _, below := range command.Commands() {
			check(below)
		}
	}
	check(newRoot())
	if examples < 30 {
		t.Errorf("only %d examples were found: the help is not read", examples)
	}
}

func TestWrongInFindsUnknownCommandsAndFlags(t *testing.T) {
	for line, want := range map[string]string{
		"": "", "--version": "", "--help": "", "help run": "", "run": "", "run --link": "", "run --addr=x": "", "deadletters redrive --reason=a": "",
		"sam start -- --port 3005": "", "send -": "", "templates restore order-completed 3": "",
		"walk": "walk", "deadletters drop": "drop", "run --fast": "--fast", "--fast": "--fast", "templates push --to x": "--to",
	} {
		if got := wrongIn(strings.Fields(line)); got != want {
			t.Errorf("in hub %s it finds %q, want %q", line, got, want)
		}
	}
}

// wrongIn returns the first command or flag in the arguments that the hub does not have, and
// empty if it has all of them.
func wrongIn(arguments []string) string {
	command := newRoot()
	command.InitDefaultHelpCmd()
	command.InitDefaultVersionFlag()
	for i, argument := range arguments {
		if argument == "--" {
			break
		}
		if name, isFlag := strings.CutPrefix(argument, "--"); isFlag {
			name, _, _ = strings.Cut(name, "=")
			command.InitDefaultHelpFlag()
			if command.Flag(name) == nil {
				return argument
			}
			continue
		}
		below, _, err := command.Find(arguments[i : i+1])
		switch {
		case err != nil, below == command && command.HasAvailableSubCommands():
			return argument
		case below == command: // its own arguments
			continue
		}
		command = below
	}
	return ""
}
