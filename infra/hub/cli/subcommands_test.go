package cli

import (
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// groups returns the command lines, without hub, of the commands that group others.
func groups(cmd *cobra.Command, path []string) [][]string {
	var all [][]string
	if cmd.HasSubCommands() {
		all = append(all, path)
	}
	for _, below := range cmd.Commands() {
		all = append(all, groups(below, append(slices.Clone(path), below.Name()))...)
	}
	return all
}

// To a script, the exit code 0 means success.
func TestAMissingOrUnknownSubcommandFails(t *testing.T) {
	root := newRoot()
	all := groups(root, nil)
	if len(all) < 5 {
		t.Fatalf("there are only the groups %q", all)
	}
	for _, path := range all {
		t.Run("hub "+strings.Join(path, " "), func(t *testing.T) {
			group, _, err := root.Find(path)
			if err != nil {
				t.Fatal(err)
			}
			child := group.Commands()[0].Name()
			misspelt := child[:len(child)-1]
			for _, c := range []struct {
				args []string
				says []string
			}{
				{path, []string{"hub: name a command of " + group.CommandPath() + ":\n", "  " + child}},
				{append(slices.Clone(path), "nosuch"), []string{`hub: unknown command "nosuch" for "` + group.CommandPath() + `"`}},
				{append(slices.Clone(path), misspelt), []string{`unknown command "` + misspelt + `"`, "did you mean ", child}},
				{append(append([]string{"help"}, path...), "nosuch"), []string{`unknown command "nosuch" for "` + group.CommandPath() + `"`}},
			} {
				got := command(t, "", c.args...)
				if got.code != exitFailed || got.stdout != "" {
					t.Errorf("hub %s exits %d and prints %q", strings.Join(c.args, " "), got.code, got.stdout)
				}
				for _, says := range c.says {
					if !strings.Contains(got.stderr, says) {
						t.Errorf("hub %s says %q, want %q", strings.Join(c.args, " "), got.stderr, says)
					}
				}
			}
			if got := command(t, "", append([]string{"help"}, path...)...); got.code != exitDone || !strings.Contains(got.stdout, "Usage:") {
				t.Errorf("its help is %+v", got)
			}
		})
	}
}
