package main

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// What cobra says of the number of arguments, and of a word that is no command.
var (
	wrongCount  = regexp.MustCompile(`^accepts (at most |between )?([0-9]+)(?: and ([0-9]+))? arg\(s\), received ([0-9]+)$`)
	noSuchWord  = regexp.MustCompile(`^unknown command "(.*)" for "[^"]*"$`)
	wrongSyntax = regexp.MustCompile(`^bad flag syntax: (.*)$`)
)

// misuse says what is wrong with a command line, from what cobra says of it, and
// how the command that was found in it is used.
func misuse(c *cobra.Command, err error) *problem {
	p := usage(err.Error(), fmt.Sprintf("it is used as `%s`; see `%s --help`", c.UseLine(), c.CommandPath()))
	var (
		missing *pflag.NotExistError
		empty   *pflag.ValueRequiredError
		invalid *pflag.InvalidValueError
	)
	switch {
	case errors.As(err, &missing):
		name := "--" + missing.GetSpecifiedName()
		if missing.GetSpecifiedShortnames() != "" {
			name = "-" + missing.GetSpecifiedName()
		}
		p.text = fmt.Sprintf("`%s` has no flag %s", c.CommandPath(), name)
		p.hints = []string{fmt.Sprintf("`%s --help` lists its flags", c.CommandPath())}
	case errors.As(err, &empty):
		f := empty.GetFlag()
		p.text = fmt.Sprintf("--%s needs a value: --%[1]s %s", f.Name, valueName(f))
	case errors.As(err, &invalid):
		f := invalid.GetFlag()
		p.text = fmt.Sprintf("--%s is %s, which %q is not", f.Name, kindOfValue(f), invalid.GetValue())
	case wrongSyntax.MatchString(err.Error()):
		p.text = wrongSyntax.FindStringSubmatch(err.Error())[1] + " is no flag"
	case noSuchWord.MatchString(err.Error()):
		return noCommand(c, noSuchWord.FindStringSubmatch(err.Error())[1])
	case wrongCount.MatchString(err.Error()):
		m := wrongCount.FindStringSubmatch(err.Error())
		takes := m[2]
		switch {
		case m[3] != "":
			takes += " to " + m[3]
		case m[1] != "":
			takes = "at most " + takes
		}
		noun := "arguments"
		if takes == "1" || takes == "at most 1" {
			noun = "argument"
		}
		p.text = fmt.Sprintf("`%s` takes %s %s, and %s given", c.CommandPath(), takes, noun, given(m[4]))
	}
	return p
}

func given(n string) string {
	switch n {
	case "0":
		return "none was"
	case "1":
		return "1 was"
	}
	return n + " were"
}

// noCommand is about a word in the place of a command.
func noCommand(c *cobra.Command, word string) *problem {
	if !c.HasAvailableSubCommands() {
		return usage(fmt.Sprintf("`%s` takes no argument, and %q was given", c.CommandPath(), word), fmt.Sprintf("`%s --help` lists its flags", c.CommandPath()))
	}
	p := usage(fmt.Sprintf("`%s` has no command %q", c.CommandPath(), word), fmt.Sprintf("`%s --help` lists the commands", c.CommandPath()))
	if c.SuggestionsMinimumDistance <= 0 {
		c.SuggestionsMinimumDistance = 2
	}
	if near := c.SuggestionsFor(word); len(near) > 0 {
		for i := range near {
			near[i] = "`" + c.CommandPath() + " " + near[i] + "`"
		}
		p.hints = []string{"is " + strings.Join(near, " or ") + " meant? " + p.hints[0]}
	}
	return p
}

// valueName is how help calls the value of a flag.
func valueName(f *pflag.Flag) string {
	name, _ := pflag.UnquoteUsage(f)
	return name
}

// kindOfValue is what a flag's value has to be.
func kindOfValue(f *pflag.Flag) string {
	switch f.Value.Type() {
	case "int":
		return "a whole number"
	case "duration":
		return "a time such as 90s or 2h"
	case "bool":
		return "true or false"
	}
	return "a value as in --help"
}
