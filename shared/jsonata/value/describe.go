package value

import "fmt"

// Describe names a value for an error, without quoting data: errors are logged.
func Describe(v any) string {
	switch v := v.(type) {
	case nil:
		return "undefined"
	case string:
		return "a string"
	case float64, Whole:
		return "a number"
	case bool:
		return "a boolean"
	case NullValue:
		return "null"
	case *Array:
		return fmt.Sprintf("an array of %d", len(v.Items))
	case Function:
		return "a function"
	}
	return "an object"
}

// Letter is the letter of a value in a signature.
func Letter(v any) byte {
	switch v.(type) {
	case nil:
		return 'm'
	case string:
		return 's'
	case float64, Whole:
		return 'n'
	case bool:
		return 'b'
	case NullValue:
		return 'l'
	case *Array:
		return 'a'
	case Function:
		return 'f'
	}
	return 'o'
}

func TypeName(v any) string {
	switch Letter(v) {
	case 's':
		return "string"
	case 'n':
		return "number"
	case 'b':
		return "boolean"
	case 'l':
		return "null"
	case 'a':
		return "array"
	case 'f':
		return "function"
	}
	return "object"
}
