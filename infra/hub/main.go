// Command hub is the operator's program.
package main

func main() {}
