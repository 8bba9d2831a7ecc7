// Package standin is a fast fake of AWS, in memory, for tests that send thousands of events a
// minute or need services that fail. It has the operations of SQS, Parameter Store and
// CloudFormation that this project calls, over their real protocols, and rejects all others.
// A test checks that it answers as the emulator does.
package standin

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
)

// The services, as IAM names them.
const (
	SQS            = "sqs"
	ParameterStore = "ssm"
	CloudFormation = "cloudformation"
)

// AWS is one account, empty when it starts. It is safe for use by many goroutines.
type AWS struct {
	// URL is the address of every service.
	URL string

	mu         sync.Mutex
	queues     map[string]*queue
	parameters map[string]parameter
	replaced   map[string][]parameter       // the previous versions, the oldest first
	stacks     map[string]map[string]string // outputs, by the stack's name
	faults     map[operation]Fault
	calls      []Call
}

// Call is a call of a service, which may have failed.
type Call struct {
	Service   string   // "sqs"
	Action    string   // "SendMessage"
	Resources []string // on which, by their ARNs
}

// operation names an action of a service, or all of them if the action is empty.
type operation struct{ service, action string }

// Start starts an AWS that ends with the test.
func Start(t testing.TB) *AWS {
	a := &AWS{
		queues: map[string]*queue{}, parameters: map[string]parameter{}, replaced: map[string][]parameter{},
		stacks: map[string]map[string]string{}, faults: map[operation]Fault{},
	}
	ctx, end := context.WithCancel(context.Background())
	server := httptest.NewUnstartedServer(a)
	server.Config.BaseContext = func(net.Listener) context.Context { return ctx }
	server.Start()
	t.Cleanup(func() {
		end() // ends calls that hang, and those that wait for a message
		server.Close()
	})
	a.URL = server.URL
	return a
}

// Deploy creates a stack that has only outputs.
func (a *AWS) Deploy(stack string, outputs map[string]string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stacks[stack] = outputs
}

// Fail makes an action fail from now on. An empty action means every action of the service
// without its own fault. A nil fault makes it work again.
func (a *AWS) Fail(service, action string, f Fault) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if f == nil {
		delete(a.faults, operation{service, action})
		return
	}
	a.faults[operation{service, action}] = f
}

// Calls returns all calls so far, in their order.
func (a *AWS) Calls() []Call {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.calls)
}

// ServeHTTP answers one call.
func (a *AWS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body) // all of it: only then does the server notice that the client closes the connection
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	call, answer := a.read(r, body)
	var handler http.Handler = answer
	if fault := a.record(call); fault != nil {
		handler = fault(handler)
	}
	handler.ServeHTTP(w, r)
}

// record records a call, and returns the fault for it, or nil.
func (a *AWS) record(call Call) Fault {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls = append(a.calls, call)
	if fault, ok := a.faults[operation{call.Service, call.Action}]; ok {
		return fault
	}
	return a.faults[operation{call.Service, ""}]
}

// read returns the call of a request, and the handler that answers it.
func (a *AWS) read(r *http.Request, body []byte) (Call, http.HandlerFunc) {
	target, action, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	switch target {
	case "AmazonSQS":
		return readJSON(Call{Service: SQS, Action: action}, a.sqs(action), body)
	case "AmazonSSM":
		return readJSON(Call{Service: ParameterStore, Action: action}, a.parameterStore(action), body)
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return Call{Action: action}, refuse(unknown(action))
	}
	switch form.Get("Action") {
	case "DescribeStacks":
		return a.describeStacks(form.Get("StackName"))
	case "UpdateTerminationProtection":
		return updateTerminationProtection(form.Get("StackName"))
	}
	return Call{Action: action}, refuse(unknown(cmp.Or(action, form.Get("Action"))))
}

// refusal is an error of AWS.
type refusal struct{ code, message string }

func (r *refusal) Error() string { return r.code + ": " + r.message }

func unknown(action string) *refusal {
	return &refusal{"UnknownOperationException", fmt.Sprintf("infra/emulator/standin does not know %q: add it there, or use the emulator", action)}
}

// request has the parameters of an action.
type request interface {
	// resources returns the ARNs of the resources that it is about.
	resources() []string
}

// action answers requests of one kind.
type action struct {
	empty func() request
	do    func(context.Context, request) (any, error)
}

// on makes an action of a function.
func on[R any, P interface {
	*R
	request
}](do func(context.Context, P) (any, error)) *action {
	return &action{
		empty: func() request { return P(new(R)) },
		do:    func(ctx context.Context, r request) (any, error) { return do(ctx, r.(P)) },
	}
}

// readJSON reads a call over AWS's JSON protocols. The action is nil if it is unknown.
func readJSON(call Call, act *action, body []byte) (Call, http.HandlerFunc) {
	if act == nil {
		return call, refuse(unknown(call.Action))
	}
	asked := act.empty()
	if err := json.Unmarshal(body, asked); err != nil {
		return call, refuse(&refusal{"SerializationException", err.Error()})
	}
	call.Resources = asked.resources()
	return call, func(w http.ResponseWriter, r *http.Request) {
		answer, err := act.do(r.Context(), asked)
		if refused := (*refusal)(nil); errors.As(err, &refused) {
			refuse(refused)(w, r)
			return
		}
		if err != nil { // the client is gone
			panic(http.ErrAbortHandler)
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		json.NewEncoder(w).Encode(answer)
	}
}

// refuse answers with an error of the JSON protocols.
func refuse(why *refusal) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		w.WriteHeader(http.StatusBadRequest)
		json.NewEncoder(w).Encode(map[string]string{"__type": why.code, "message": why.message})
	}
}
