package value

import "fmt"

// Describe names the type of a value for an error. It does not quote data, because
// errors are logged.
func Describe(v any) string {
	switch v := v.(type) {
	case nil:
		return "undefined"
	case string:
		return "a string"
	case float64, LargeInteger:
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

// TypeLetter returns the letter of the type of a value in a signature.
func TypeLetter(v any) byte {
	switch v.(type) {
	case nil:
		return 'm'
	case string:
		return 's'
	case float64, LargeInteger:
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

// TypeName is $type.
func TypeName(v any) string {
	switch TypeLetter(v) {
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
