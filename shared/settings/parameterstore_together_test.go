package settings_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
)

// errKilled is the error for a writer that was killed.
var errKilled = errors.New("killed")

// versioned is a Parameter Store that keeps versions, and that can simulate the kill of a
// writer.
type versioned struct {
	settings.ParameterEditor
	mu       sync.Mutex
	versions map[string][]string // by full name, the oldest first
	puts     int
	killedAt int // the number of the put at which the writer is killed; 0 for none
	after    func()
	takes    time.Duration // how long a call takes
}

func (v *versioned) GetParameters(_ context.Context, input *ssm.GetParametersInput, _ ...func(*ssm.Options)) (*ssm.GetParametersOutput, error) {
	time.Sleep(v.takes)
	v.mu.Lock()
	defer v.mu.Unlock()
	output := &ssm.GetParametersOutput{}
	for _, asked := range input.Names {
		name, number, _ := strings.Cut(asked, ":")
		versions := v.versions[name]
		version := len(versions)
		fmt.Sscan(number, &version)
		if version > 0 && version <= len(versions) {
			output.Parameters = append(output.Parameters, types.Parameter{Name: aws.String(name), Value: aws.String(versions[version-1]), Version: int64(version)})
		}
	}
	return output, nil
}

func (v *versioned) PutParameter(_ context.Context, input *ssm.PutParameterInput, _ ...func(*ssm.Options)) (*ssm.PutParameterOutput, error) {
	time.Sleep(v.takes)
	v.mu.Lock()
	if v.puts++; v.killedAt > 0 && v.puts >= v.killedAt {
		v.mu.Unlock()
		return nil, errKilled
	}
	name := *input.Name
	v.versions[name] = append(v.versions[name], *input.Value)
	version := int64(len(v.versions[name]))
	v.mu.Unlock()
	if v.after != nil {
		v.after()
	}
	return &ssm.PutParameterOutput{Version: version}, nil
}

func (v *versioned) store() settings.EditableParameterStore {
	return settings.NewEditableParameterStore(v, "/shop")
}

// clone returns a copy in which no writer is killed.
func (v *versioned) clone() *versioned {
	copied := &versioned{versions: map[string][]string{}}
	for name, versions := range v.versions {
		copied.versions[name] = slices.Clone(versions)
	}
	return copied
}

// used returns the parameters that a function uses, or "refused" if it rejects them.
func used(t *testing.T, source settings.Source) string {
	t.Helper()
	parameters, err := source.Parameters(t.Context(), settings.Names(tracking.OrderRefunded)) // which calls Commerce too
	if err != nil {
		t.Fatal(err)
	}
	config, err := settings.Parse(tracking.OrderRefunded, parameters)
	if err != nil {
		return "refused: " + err.Error()
	}
	return fmt.Sprint(config.Segment, config.Commerce)
}

func connected(segment, commerce string) map[string]string {
	return map[string]string{
		settings.SegmentHost: "https://" + segment + ".example", settings.SegmentPath: "/" + segment, settings.SegmentWriteKey: segment + "-write-key",
		settings.CommerceTokenURL: "https://" + commerce + ".example", settings.CommerceClientID: commerce + "-id",
		settings.CommerceClientSecret: settings.BindSecret("https://"+commerce+".example", commerce+"-secret"),
	}
}

func bare(t *testing.T, parameters map[string]string) *versioned {
	t.Helper()
	v := &versioned{versions: map[string][]string{}}
	for name, value := range parameters {
		v.versions["/shop/"+name] = []string{value}
	}
	return v
}

func saved(t *testing.T, parameters map[string]string) *versioned {
	t.Helper()
	v := bare(t, nil)
	if err := v.store().PutTogether(t.Context(), parameters); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestAWriterThatIsKilledAtAnyStepLeavesACompleteState(t *testing.T) {
	old, latest := connected("old", "ours"), connected("new", "theirs")
	onlySegment := maps.Clone(old)
	maps.Copy(onlySegment, map[string]string{settings.SegmentHost: latest[settings.SegmentHost], settings.SegmentPath: latest[settings.SegmentPath], settings.SegmentWriteKey: latest[settings.SegmentWriteKey]})
	for _, c := range []struct {
		name   string
		before *versioned
		wanted map[string]string
	}{
		{"where nothing is set", bare(t, nil), latest},
		{"where they were written by hand or by an older version", bare(t, old), latest},
		{"where they were saved before", saved(t, old), latest},
		{"of the write key alone", saved(t, old), map[string]string{settings.SegmentWriteKey: "other-write-key"}},
		{"of the path alone", saved(t, old), map[string]string{settings.SegmentPath: "/other"}},
		{"of the client id alone", saved(t, old), map[string]string{settings.CommerceClientID: "other-id"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			done := c.before.clone()
			if err := done.store().PutTogether(t.Context(), c.wanted); err != nil {
				t.Fatal(err)
			}
			complete := []string{used(t, c.before.store()), used(t, done.store())}
			if c.name != "of the write key alone" { // Segment's are complete before Commerce's change
				between := c.before.clone()
				if err := between.store().PutTogether(t.Context(), onlyOf(c.wanted, "segment/")); err != nil {
					t.Fatal(err)
				}
				complete = append(complete, used(t, between.store()))
			}
			for killedAt := 1; killedAt <= done.puts; killedAt++ {
				v := c.before.clone()
				v.killedAt = killedAt
				look := func() {
					if got := used(t, v.store()); !slices.Contains(complete, got) {
						t.Errorf("killed at put %d of %d: a function uses %s, want one of\n%s", killedAt, done.puts, got, strings.Join(complete, "\n"))
					}
				}
				v.after = look
				if err := v.store().PutTogether(t.Context(), c.wanted); !errors.Is(err, errKilled) {
					t.Errorf("killed at put %d it ends with %v", killedAt, err)
				}
				look()
				// The next save completes it, and the parameters themselves are then the same.
				v.killedAt = 0
				before := used(t, v.store())
				if err := v.store().PutTogether(t.Context(), nil); err != nil {
					t.Fatal(err)
				}
				if after := used(t, v.store()); after != before {
					t.Errorf("killed at put %d: completing it makes %s of %s", killedAt, after, before)
				}
				for name, versions := range v.versions {
					if strings.Contains(versions[len(versions)-1], `"changing"`) {
						t.Errorf("killed at put %d: %s is still being changed", killedAt, name)
					}
				}
				if err := v.store().PutTogether(t.Context(), c.wanted); err != nil || used(t, v.store()) != complete[1] {
					t.Errorf("killed at put %d: saved again it is %s, %v", killedAt, used(t, v.store()), err)
				}
			}
		})
	}
}

func onlyOf(parameters map[string]string, prefix string) map[string]string {
	some := maps.Clone(parameters)
	maps.DeleteFunc(some, func(name, _ string) bool { return !strings.HasPrefix(name, prefix) })
	return some
}

// A function may read some parameters before a change and some after it.
func TestAFunctionNeverUsesParametersOfTwoStates(t *testing.T) {
	old, latest := connected("old", "ours"), connected("new", "theirs")
	v := saved(t, old)
	states := []*versioned{v.clone()}
	v.after = func() { states = append(states, v.clone()) }
	if err := v.store().PutTogether(t.Context(), latest); err != nil {
		t.Fatal(err)
	}
	mixtures, refused := 0, 0
	names := slices.Concat(settings.Together()...)
	for _, one := range states {
		for _, other := range states {
			for mask := range 1 << len(names) {
				mixed := one.clone()
				for i, name := range names {
					if mask>>i&1 == 1 {
						mixed.versions["/shop/"+name] = other.versions["/shop/"+name]
					}
				}
				mixtures++
				got := used(t, mixed.store())
				if strings.HasPrefix(got, "refused: ") {
					refused++
					if strings.Contains(got, "ours-secret") || strings.Contains(got, "theirs-secret") || strings.Contains(got, "old-write-key") || strings.Contains(got, "new-write-key") {
						t.Fatalf("it quotes a secret: %s", got)
					}
					continue
				}
				if strings.Contains(got, "old") && strings.Contains(got, "new") || strings.Contains(got, "ours") && strings.Contains(got, "theirs") {
					t.Fatalf("of a mixture of two states a function uses %s", got)
				}
			}
		}
	}
	if refused == 0 || refused == mixtures {
		t.Errorf("of %d mixtures %d are refused", mixtures, refused)
	}
}

func TestAnotherHostByHandIsNotUsedWithTheKeyThatIsSet(t *testing.T) {
	v := saved(t, connected("old", "ours"))
	if err := v.store().Put(t.Context(), settings.SegmentHost, "https://theirs.example"); err != nil {
		t.Fatal(err)
	}
	const says = `parameter segment/write-key: it was saved for the segment/host "https://old.example" and is not used with "https://theirs.example", which was set later: save both again with hub configure`
	if got := used(t, v.store()); !strings.Contains(got, says) || strings.Contains(got, "old-write-key") {
		t.Errorf("a function says %s", got)
	}
	both := map[string]string{settings.SegmentHost: "https://theirs.example", settings.SegmentWriteKey: "their-write-key"}
	if err := v.store().PutTogether(t.Context(), both); err != nil || !strings.Contains(used(t, v.store()), "their-write-key") {
		t.Errorf("saved again it is %s, %v", used(t, v.store()), err)
	}
}

// saves finds saves that are in progress at the same time.
type saves struct {
	mu        sync.Mutex
	now, done int
}

// save saves for ten milliseconds.
func (s *saves) save(t *testing.T, store settings.EditableParameterStore) {
	release, err := store.Saving(t.Context())
	if err != nil {
		t.Error(err)
		return
	}
	s.add(t, 1)
	time.Sleep(10 * time.Millisecond)
	s.add(t, -1)
	release()
}

func (s *saves) add(t *testing.T, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now += n
	s.done += max(n, 0)
	if s.now > 1 {
		t.Errorf("%d saves are in progress", s.now)
	}
}

func TestOnlyOneSaveIsInProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := bare(t, nil)
		v.takes = time.Millisecond
		var together sync.WaitGroup
		var all saves
		for range 8 {
			together.Go(func() {
				for range 5 {
					all.save(t, v.store())
				}
			})
		}
		together.Wait()
		if all.done != 40 {
			t.Errorf("%d of 40 saves were done", all.done)
		}
	})
}

func TestASaveThatWasKilledKeepsOthersWaitingForHalfAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := bare(t, nil)
		v.takes = time.Millisecond
		if _, err := v.store().Saving(t.Context()); err != nil { // and is killed
			t.Fatal(err)
		}
		hurried, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if _, err := v.store().Saving(hurried); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "another save") {
			t.Errorf("within ten seconds it ends with %v", err)
		}
		var together sync.WaitGroup
		var all saves
		began := time.Now()
		for range 3 {
			together.Go(func() { all.save(t, v.store()) })
		}
		together.Wait()
		if took := time.Since(began); took < 30*time.Second || took > time.Minute {
			t.Errorf("it took %v", took)
		}
	})
}
