# This Makefile is for people: `make` lists what there is.

.DEFAULT_GOAL := help

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

.PHONY: run
run: compiler ## Run everything on this machine: post webhooks, see what Segment would receive
	@go build -o bin/ ./infra/hub
	@./bin/hub run

.PHONY: test
test: tools ## Run every test, with the race detector where there is concurrency
	go test -race -timeout 25m $$(go list ./... | grep -vE '/infra(/stack|/emulator/account)?$$')
	go test -timeout 25m ./infra ./infra/stack ./infra/emulator/account ./shared/jsonata

.PHONY: tools
tools: # reports which programs are missing that the tests need
	@sh infra/tools/check.sh

.PHONY: compiler
compiler: # warns if the Go that compiles has known vulnerabilities
	@sh infra/tools/compiler.sh

# The CDK reads each variable of the environment whose name begins with CDK as an option.
unexport CDK ENV
OPTIONS = $(if $(ENV),-c env=$(ENV)) $(CDK)

.PHONY: synth
synth: infra/node_modules ## Make the CloudFormation template, in infra/cdk.out
	@cd infra && npx cdk synth --quiet $(OPTIONS)

.PHONY: diff
diff: infra/node_modules ## Show what make deploy would change
	@cd infra && npx cdk diff $(OPTIONS)

.PHONY: deploy
deploy: compiler infra/node_modules ## Build the functions and deploy them: ENV=prod names an environment of infra/environments.json, CDK='-c prefix=/shop' sets an option
	@cd infra && npx cdk deploy $(OPTIONS)

.PHONY: destroy
destroy: infra/node_modules ## Delete a deployed store, after saying what is lost and offering to save it; YES=1 EXPORT=FILE in a script
	@go build -o bin/ ./infra/hub
	@cd infra && npx cdk list $(OPTIONS) >/dev/null
	@./bin/hub unprotect --assembly infra/cdk.out $(if $(EXPORT),--export '$(EXPORT)') $(if $(YES),--yes)
	@cd infra && npx cdk destroy --force $(OPTIONS)

# USER is set in every shell, so only a USER on the command line is used.
.PHONY: tracking
tracking: ## Add a tracking of your own: NAME=subscription-paused; optional: TITLE=, EVENTS=, CALL= and USER=, a JSONata expression
	@go run ./infra/newtracking -name '$(NAME)' -title '$(TITLE)' -events '$(EVENTS)' -call '$(CALL)' -user '$(if $(filter command,$(firstword $(origin USER))),$(USER))'

# Only imports are in quotes with the name of the module.
.PHONY: rename
rename: ## Rename the Go module before you publish it: MODULE=github.com/you/commerce-segment
	@test -n "$(MODULE)" || { echo "name the module: make rename MODULE=github.com/you/commerce-segment" >&2; exit 1; }
	@old=$$(go list -m) && files=$$(grep -rlF "\"$$old/" --include='*.go' --exclude-dir=node_modules --exclude-dir=.cache .) && \
		perl -pi -e "s{\"\\Q$$old\\E/}{\"$(MODULE)/}g" $$files && gofmt -w $$files && go mod edit -module "$(MODULE)"

.PHONY: editor
editor: infra/hub/console/static/editor.js ## Build the console's code editor, for make run to serve: colours, line numbers

# Without it the console has plain text areas, and Go alone builds the hub.
infra/hub/console/static/editor.js: infra/node_modules $(wildcard infra/hub/console/editor/*.mjs)
	@cd infra && npm run --silent editor -- --outfile=hub/console/static/editor.js

# The CDK's own program and the editor's parts, at the versions that the lock file names.
infra/node_modules: infra/package-lock.json
	@command -v npm >/dev/null || { echo "this needs Node.js 22 or later with npm: install it from your system's packages or nodejs.org" >&2; exit 1; }
	@cd infra && npm ci --no-audit --no-fund && touch node_modules

.PHONY: check
check: tools format tidy lint audit test ## What must pass before a commit: format, tidy, lint, audit, test

.PHONY: format
format:
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$unformatted" || \
		{ echo "not formatted, run gofmt -w on:" $$unformatted >&2; exit 1; }

.PHONY: tidy
tidy:
	go mod tidy -diff
	go mod verify

.PHONY: lint
lint:
	go vet ./...
	go tool staticcheck ./...
	go run ./infra/portable

SCALE ?= 10

.PHONY: prove
prove: ## Show at full size what infra/docs/promises.md says, in about a quarter of an hour; SCALE=100 has ten times as many kills and webhooks
	go test -count 1 -v -timeout 2h -run AtScale ./functions -scale $(SCALE)
	go test -count 1 -v -timeout 2h -run AtScale ./infra/hub/cli -scale $(SCALE)
	go test -count 1 -v -timeout 2h -run AtScale ./infra/emulator/account -scale $(SCALE)
	go test -count 1 -v -timeout 2h -run AtScale ./shared/relay ./shared/jsonata ./shared/template -scale $(SCALE)0

.PHONY: licenses
licenses: ## List the licences of what is compiled in, in infra/LICENSES.md
	go run ./infra/licenses > infra/LICENSES.md

# By default the database is a pinned module. VULNDB=https://vuln.go.dev has what was
# published since.
VULNDB ?=

.PHONY: audit
audit: ## Look for known vulnerabilities that the functions and the hub reach
	go run ./infra/audit -db "$(VULNDB)" ./functions/... ./infra/hub/...

.PHONY: audit-stack
audit-stack: tools ## Check the CloudFormation template with cfn-lint, checkov and cdk-nag, as make test does
	go test -count 1 -run 'CfnLint|Checkov|Nag' ./infra/stack

SYSTEMS = linux-amd64 linux-arm64 darwin-amd64 darwin-arm64 windows-amd64.exe windows-arm64.exe

.PHONY: release
release: editor ## Build hub for every system, with checksums and a list of what is in it, in bin/release
	@rm -rf bin/release && mkdir -p bin/release
	@for system in $(SYSTEMS); do \
		platform=$${system%.exe} && GOOS=$${platform%-*} GOARCH=$${platform#*-} CGO_ENABLED=0 \
			go build -trimpath -o bin/release/hub-$$system ./infra/hub || exit 1; \
	done
	@go run github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0 bin -json -output bin/release/hub.cdx.json bin/release/hub-linux-amd64
	@cd bin/release && sha256sum hub* > SHA256SUMS && cat SHA256SUMS

IMAGE ?= commerce-segment

.PHONY: image
image: editor ## Build the hub's container image: IMAGE=registry.example.com/hub:v1 names it
	@rm -rf bin/image && mkdir -p bin/image/data
	@GOOS=linux CGO_ENABLED=0 go build -trimpath -o bin/image/hub ./infra/hub
	@docker build --file infra/server/Dockerfile --tag $(IMAGE) bin/image

FUZZTIME ?= 10m

.PHONY: fuzz
fuzz: ## Search for inputs that break something: FUZZTIME=1m for each target is quick
	@git grep -oE '^func Fuzz[A-Za-z]+' -- '*_test.go' | sed 's/:func / /' | while read -r file target; do \
		echo "$$target in $$(dirname $$file)"; \
		go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) ./$$(dirname $$file) || exit 1; \
	done

.PHONY: bench
bench: ## Measure what an event, a start and a template cost, next to their baselines
	@for run in 1 2 3; do \
		go test -run '^$$' -bench 'Accept|Pack|Journey|Floor' -benchmem -benchtime 300ms ./shared/relay; \
		go test -run '^$$' -bench Event -benchtime 100ms ./shared/serve; \
		go test -run '^$$' -bench 'Deliver|Post' -benchmem -benchtime 1000x ./shared/segment; \
		go test -run '^$$' -bench Start -benchtime 20x ./functions; \
		go test -run '^$$' -bench Growing -benchtime 50ms ./shared/jsonata; \
		go test -run '^$$' -bench . -benchtime 100ms ./infra/bench; \
	done | go run ./infra/bench

# The SAM CLI runs functions of this machine's processor only.
ARCHITECTURE = $(if $(filter arm64 aarch64,$(shell uname -m)),arm64,x86_64)

.PHONY: sam-programs
sam-programs: # reports which programs are missing that run the functions in containers
	@sh infra/tools/sam.sh

.PHONY: sam-template
sam-template: sam-programs infra/node_modules
	@go build -o bin/hub ./infra/hub
	@cd infra && npx cdk synth --quiet --no-notices --no-path-metadata -c architecture=$(ARCHITECTURE)

.PHONY: sam
sam: sam-template ## Run the functions in containers, with the SAM CLI: http://127.0.0.1:3000
	@exec ./bin/hub sam start -- $(SAM_OPTIONS)

FUNCTION ?= order-completed
SAMPLE ?= order-completed/guest

.PHONY: sam-invoke
sam-invoke: sam-template ## Call one function with one webhook: FUNCTION=order-updated SAMPLE=order-updated/shipped
	@exec ./bin/hub sam invoke $(FUNCTION) $(SAMPLE) -- $(SAM_OPTIONS)

.PHONY: sam-files
sam-files: sam-template ## Write the template, events and variables for the SAM CLI itself, in infra/sam
	@./bin/hub sam files
