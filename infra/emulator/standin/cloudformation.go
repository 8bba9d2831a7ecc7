package standin

import (
	"encoding/xml"
	"fmt"
	"net/http"

	"commerce-segment/infra/emulator"
)

// stackAnswer is the part of CloudFormation's answer with the outputs.
type stackAnswer struct {
	XMLName xml.Name `xml:"DescribeStacksResponse"`
	Name    string   `xml:"DescribeStacksResult>Stacks>member>StackName"`
	Status  string   `xml:"DescribeStacksResult>Stacks>member>StackStatus"`
	Outputs []output `xml:"DescribeStacksResult>Stacks>member>Outputs>member"`
}

type output struct{ OutputKey, OutputValue string }

// describeStacks answers for one stack, over AWS's Query protocol.
func (a *AWS) describeStacks(name string) (Call, http.HandlerFunc) {
	return stackCall("DescribeStacks", name), func(w http.ResponseWriter, _ *http.Request) {
		a.mu.Lock()
		outputs, ok := a.stacks[name]
		a.mu.Unlock()
		w.Header().Set("Content-Type", "text/xml")
		if !ok {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprintf(w, `<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code><Message>Stack with id %s does not exist</Message></Error></ErrorResponse>`, name)
			return
		}
		answer := stackAnswer{Name: name, Status: "CREATE_COMPLETE"}
		for key, value := range outputs {
			answer.Outputs = append(answer.Outputs, output{key, value})
		}
		xml.NewEncoder(w).Encode(answer)
	}
}

// updateTerminationProtection answers, and changes nothing: a stack here cannot be deleted.
func updateTerminationProtection(name string) (Call, http.HandlerFunc) {
	return stackCall("UpdateTerminationProtection", name), func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/xml")
		fmt.Fprint(w, `<UpdateTerminationProtectionResponse><UpdateTerminationProtectionResult/></UpdateTerminationProtectionResponse>`)
	}
}

// stackCall returns a call about a stack.
func stackCall(action, name string) Call {
	return Call{CloudFormation, action, []string{"arn:aws:cloudformation:" + emulator.Region + ":" + emulator.Account + ":stack/" + name}}
}
