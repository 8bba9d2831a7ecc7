#!/bin/sh
# Reports which of the programs that run the functions in containers are missing, and how to
# install them.
if ! command -v sam >/dev/null; then
  echo "The SAM CLI is not installed: pipx install aws-sam-cli, or see https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/install-sam-cli.html" >&2
  exit 1
fi
if ! command -v docker >/dev/null; then
  echo "The SAM CLI runs the functions in Docker, which is not installed: install Docker Desktop, or apt-get install docker.io, dnf install docker" >&2
  exit 1
fi
if ! said=$(docker version 2>&1); then
  echo "The SAM CLI runs the functions in Docker, which is not running: start Docker Desktop, or on Linux: sudo systemctl start docker" >&2
  echo "$said" >&2
  exit 1
fi
