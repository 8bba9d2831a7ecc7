package local

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"os"
	"sync"

	"commerce-segment/infra/hub/compare"
	"commerce-segment/infra/hub/server"
)

// CollectPath is the path at which a Collector receives the posts of Segment.
const CollectPath = "/segment"

// SignatureHeader is the header with which a Segment webhook destination signs a request, if it
// has a shared secret: the HMAC-SHA1 of the body, in hexadecimal. Of a batch it is that of the
// first message alone, as Segment's support says; the others are not signed.
const SignatureHeader = "X-Signature"

const (
	// maxCollected is the largest file that a Collector writes, in bytes. About a million
	// messages have this size.
	maxCollected = 2 << 30
	// collectConnections is the number of connections that may be open at the same time.
	collectConnections = 64
)

// Collector receives what a Segment webhook destination posts, and adds it to a file, a message
// on each line.
type Collector struct {
	Addr   string // HOST:PORT to listen on
	File   string // created if it does not exist; only the user can read it
	Secret string // the shared secret of the destination; empty accepts every post

	mu         sync.Mutex
	file       *os.File
	size       int64
	messages   int
	bodyReader *bodyReader
}

// Run receives messages until the context is done. It calls ready with the URL at which this
// machine reaches it, and received with the number of messages after each post. It returns that
// number.
func (c *Collector) Run(ctx context.Context, log *slog.Logger, ready func(url string), received func(int)) (messages int, err error) {
	if err := c.open(); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, c.file.Close()) }()
	listener, err := listen(ctx, c.Addr, "--listen")
	if err != nil {
		return 0, err
	}
	c.bodyReader = newBodyReader()
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+CollectPath, func(w http.ResponseWriter, r *http.Request) {
		c.receive(w, r)
		received(c.count())
	})
	s := server.New(listener, collectConnections, nil, mux, log)
	stopped := context.AfterFunc(ctx, func() { s.Stop(context.WithoutCancel(ctx)) })
	defer stopped()
	ready(urlOf(listener))
	err = s.Serve()
	return c.count(), err
}

// open opens the file. A file that exists must contain lines of JSON.
func (c *Collector) open() (err error) {
	if c.file, err = os.OpenFile(c.File, os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return err
	}
	c.size, err = c.file.Seek(0, io.SeekEnd)
	if err == nil && c.size > 0 {
		ends := make([]byte, 2)
		_, err = c.file.ReadAt(ends[:1], 0)
		_, atEnd := c.file.ReadAt(ends[1:], c.size-1)
		if err = errors.Join(err, atEnd); err == nil && string(ends) != "{\n" {
			err = fmt.Errorf("%s exists and does not contain lines of JSON, so messages cannot be added to it: name another file with --save", c.File)
		}
	}
	if err != nil {
		c.file.Close()
	}
	return err
}

func (c *Collector) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.messages
}

// receive answers a post of Segment. Segment repeats a post that is answered with 500 or 507.
func (c *Collector) receive(w http.ResponseWriter, r *http.Request) {
	// A page in a browser on this machine cannot post this type to another address.
	if media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); media != "application/json" {
		closeAfterAnswer(w)
		answerSegment(w, http.StatusUnsupportedMediaType, "the Content-Type is not application/json")
		return
	}
	body, err := c.bodyReader.read(r.Context(), r.Body, maxWebhookBytes)
	defer body.close()
	if err != nil {
		closeAfterAnswer(w)
		answerSegment(w, statusOf(err), err.Error())
		return
	}
	lines, count, status, err := c.linesOf(body.bytes, r.Header.Get(SignatureHeader))
	if err != nil {
		answerSegment(w, status, err.Error())
		return
	}
	if err := c.add(lines, count); err != nil {
		answerSegment(w, http.StatusInsufficientStorage, err.Error())
		return
	}
	answerSegment(w, http.StatusOK, "")
}

// linesOf returns the messages of a body, each on a line, or an error with the status of its
// answer. It accepts no gzip, which compare.Read would unzip to any size, and parses no message
// before the signature is checked, except the first one of a batch: that is what is signed.
func (c *Collector) linesOf(body []byte, signature string) (lines []byte, count, status int, err error) {
	unsigned := errors.New(SignatureHeader + " is not the signature with the shared secret of the destination")
	isBatch := bytes.HasPrefix(body, []byte("["))
	switch {
	case !isBatch && !bytes.HasPrefix(body, []byte("{")):
		return nil, 0, http.StatusBadRequest, errors.New("the body does not begin with { or [: it must be a message, or a list of messages, without compression")
	case !isBatch && !c.isSigned(body, signature):
		return nil, 0, http.StatusUnauthorized, unsigned
	}
	var compact bytes.Buffer
	for message, err := range compare.Read(bytes.NewReader(body)) {
		if err != nil {
			return nil, 0, http.StatusBadRequest, err
		}
		if count++; count == 1 && isBatch && !c.isSigned(message.JSON(), signature) {
			return nil, 0, http.StatusUnauthorized, unsigned
		}
		_ = json.Compact(&compact, message.JSON()) // Read returns valid JSON
		compact.WriteByte('\n')
	}
	return compact.Bytes(), count, http.StatusOK, nil
}

// isSigned reports whether a signature is that of a text.
func (c *Collector) isSigned(text []byte, signature string) bool {
	if c.Secret == "" {
		return true
	}
	mac := hmac.New(sha1.New, []byte(c.Secret))
	mac.Write(text)
	presented, err := hex.DecodeString(signature)
	return err == nil && hmac.Equal(presented, mac.Sum(nil))
}

// add adds lines with messages to the file. After an error the file has none of them.
func (c *Collector) add(lines []byte, messages int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.size+int64(len(lines)) > maxCollected {
		return fmt.Errorf("the file has %d GB: name another one with --save", maxCollected>>30)
	}
	if _, err := c.file.WriteAt(lines, c.size); err != nil {
		_ = c.file.Truncate(c.size) // the next lines overwrite what remains
		return errors.New("the message could not be written to the file: is the disk full?")
	}
	c.size += int64(len(lines))
	c.messages += messages
	return nil
}
