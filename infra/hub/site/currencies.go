package site

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"commerce-segment/shared/commerce"
	"commerce-segment/shared/money"
	"commerce-segment/shared/settings"
)

// Currencies are the decimals of the store's currencies by its setting; none where it is
// not set.
func (s Site) Currencies(ctx context.Context) (money.Decimals, error) {
	values, err := s.Parameters(ctx, []string{settings.CommerceCurrencies})
	if err != nil {
		return nil, err
	}
	text := strings.TrimSpace(values[settings.CommerceCurrencies])
	if text == "" {
		return nil, nil
	}
	currencies, err := money.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("parameter %s in %s: %w", settings.CommerceCurrencies, s.Name, err)
	}
	return currencies, nil
}

// CurrenciesOf are the decimals of a store's currencies as Commerce has them. It is an
// error if there are none.
func CurrenciesOf(ctx context.Context, client *commerce.Client) (money.Decimals, error) {
	currencies := money.Decimals{}
	for currency, err := range client.Currencies(ctx) {
		switch {
		case err != nil:
		case currency.DecimalPlaces == nil:
			err = fmt.Errorf("%s has no decimal_places", currency.Code)
		default:
			err = currencies.Add(currency.Code, *currency.DecimalPlaces)
		}
		if err != nil {
			return nil, fmt.Errorf("reading the store's currencies in Commerce: %w", err)
		}
	}
	if len(currencies) == 0 {
		return nil, errors.New("reading the store's currencies in Commerce: it lists none")
	}
	return currencies, nil
}

// CopyCurrencies writes the decimals of the store's currencies as Commerce has them, and
// says what it wrote; empty where they are so already.
func (s Site) CopyCurrencies(ctx context.Context, client *commerce.Client) (written string, err error) {
	currencies, err := CurrenciesOf(ctx, client)
	if err != nil {
		return "", err
	}
	current, err := s.Parameters(ctx, []string{settings.CommerceCurrencies})
	if err != nil || strings.TrimSpace(current[settings.CommerceCurrencies]) == currencies.String() {
		return "", err
	}
	return currencies.String(), s.Put(ctx, settings.CommerceCurrencies, currencies.String())
}
