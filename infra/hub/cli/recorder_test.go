package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"commerce-segment/infra/emulator"
	"commerce-segment/infra/emulator/standin"
)

// recorder answers as the stand-in does, and as the other services of a store without events. It
// records what is called.
type recorder struct {
	aws    *standin.AWS
	mu     sync.Mutex
	paused map[string]bool // by the name of the function
	calls  []standin.Call  // of the services that the stand-in does not know
}

// count returns how many calls there were of the stand-in, and of the others.
func (r *recorder) count() [2]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return [2]int{len(r.aws.Calls()), len(r.calls)}
}

// since returns the calls after those that were counted, with ARNs as IAM compares them.
func (r *recorder) since(from [2]int) []standin.Call {
	r.mu.Lock()
	defer r.mu.Unlock()
	calls := slices.Concat(r.aws.Calls()[from[0]:], r.calls[from[1]:])
	for i, call := range calls {
		calls[i].Action = strings.TrimSuffix(call.Action, "Batch") // IAM has the action of one message for both
		switch {
		case call.Service == standin.CloudFormation:
			calls[i].Resources = []string{call.Resources[0] + "/id"}
		case len(call.Resources) == 0: // the stand-in does not know it
			calls[i].Resources = []string{"*"}
		}
	}
	return calls
}

func (r *recorder) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, _ := io.ReadAll(request.Body)
	request.Body = io.NopCloser(bytes.NewReader(body))
	r.mu.Lock()
	call, answer := r.other(request, body)
	if answer != "" {
		r.calls = append(r.calls, call)
	}
	r.mu.Unlock()
	if answer == "" {
		r.aws.ServeHTTP(w, request)
		return
	}
	w.Header().Set("Content-Type", map[bool]string{true: "text/xml", false: "application/x-amz-json-1.1"}[answer[0] == '<'])
	io.WriteString(w, answer)
}

// other returns the call of a service that the stand-in does not know, and its answer.
func (r *recorder) other(request *http.Request, body []byte) (standin.Call, string) {
	if action, ok := strings.CutPrefix(request.Header.Get("X-Amz-Target"), "Logs_20140328."); ok {
		return logs(action, body)
	}
	if path := request.URL.Path; strings.HasPrefix(path, "/20") { // each action of Lambda begins with the date of its API
		return r.lambda(request, body)
	}
	form, _ := url.ParseQuery(string(body))
	return query(form)
}

// lambda answers a call of Lambda, whose event source mappings are named as their functions.
func (r *recorder) lambda(request *http.Request, body []byte) (standin.Call, string) {
	parts := strings.Split(strings.Trim(request.URL.Path, "/"), "/")
	switch name := request.URL.Query().Get("FunctionName"); {
	case parts[1] == "account-settings":
		return recorded("lambda", "GetAccountSettings"), `{"AccountLimit": {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": 1000}}`
	case parts[1] == "functions":
		return recorded("lambda", "GetFunctionConcurrency", arn("lambda", "function:"+parts[2])), `{}`
	case request.Method == http.MethodGet:
		state := map[bool]string{true: "Disabled", false: "Enabled"}[r.paused[name]]
		return recorded("lambda", "ListEventSourceMappings"), fmt.Sprintf(`{"EventSourceMappings": [{"UUID": %q, "State": %q}]}`, name, state)
	}
	name := parts[2]
	r.paused[name] = strings.Contains(string(body), `"Enabled":false`)
	return recorded("lambda", "UpdateEventSourceMapping", arn("lambda", "event-source-mapping:"+name)), `{}`
}

// logs answers a call of CloudWatch Logs.
func logs(action string, body []byte) (standin.Call, string) {
	var asked struct {
		LogGroupName  string
		LogGroupNames []string
	}
	_ = json.Unmarshal(body, &asked)
	call := recorded("logs", action)
	if action == "StartQuery" {
		call.Resources = nil
		for _, name := range append(asked.LogGroupNames, asked.LogGroupName) {
			if name != "" {
				call.Resources = append(call.Resources, arn("logs", "log-group:"+name+":*"))
			}
		}
	}
	return call, `{"queryId": "1", "status": "Complete", "results": [], "logGroups": []}`
}

// query answers a call of CloudWatch or SNS, which use AWS's Query protocol.
func query(form url.Values) (standin.Call, string) {
	switch action := form.Get("Action"); action {
	case "DescribeAlarms":
		call, alarms := standin.Call{Service: "cloudwatch", Action: action}, ""
		for key, names := range form {
			if strings.HasPrefix(key, "AlarmNames.member.") {
				call.Resources = append(call.Resources, arn("cloudwatch", "alarm:"+names[0]))
				alarms += "<member><AlarmName>" + names[0] + "</AlarmName><Namespace>AWS/Lambda</Namespace><MetricName>Throttles</MetricName></member>"
			}
		}
		return call, "<R><DescribeAlarmsResult><MetricAlarms>" + alarms + "</MetricAlarms></DescribeAlarmsResult></R>"
	case "GetMetricData":
		return recorded("cloudwatch", action), "<R><GetMetricDataResult/></R>"
	case "ListSubscriptionsByTopic":
		return recorded("sns", action, form.Get("TopicArn")), "<R><ListSubscriptionsByTopicResult/></R>"
	}
	return standin.Call{}, ""
}

// recorded returns a call. Without resources it is about all of them.
func recorded(service, action string, resources ...string) standin.Call {
	if len(resources) == 0 {
		resources = []string{"*"}
	}
	return standin.Call{Service: service, Action: action, Resources: resources}
}

func arn(service, resource string) string {
	return "arn:aws:" + service + ":" + emulator.Region + ":" + emulator.Account + ":" + resource
}
