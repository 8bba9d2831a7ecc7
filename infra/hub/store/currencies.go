package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"commerce-segment/shared/money"
	"commerce-segment/shared/settings"
)

// Currencies returns the decimals of the store's currencies from its settings, or none if
// they are not set.
func (s Store) Currencies(ctx context.Context) (money.Decimals, error) {
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

// CurrenciesInCommerce returns the decimals of the store's currencies in Commerce. The
// error is an ErrNotConnected if the store is not connected. A store without currencies
// is an error too.
func (s Store) CurrenciesInCommerce(ctx context.Context) (money.Decimals, error) {
	client, err := s.Commerce(ctx)
	if err != nil {
		return nil, err
	}
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
		return nil, errors.New("reading the store's currencies in Commerce: the list is empty")
	}
	return currencies, nil
}

// copyTimeout limits how long CopyCurrencies waits for Commerce.
const copyTimeout = 10 * time.Second

// CopyCurrencies copies the decimals of the store's currencies from Commerce, if the
// store is connected. It returns a message about what it wrote, or "" if nothing
// changed. The error says which decimals are in effect.
func (s Store) CopyCurrencies(ctx context.Context) (said string, err error) {
	ctx, cancel := context.WithTimeout(ctx, copyTimeout)
	defer cancel()
	currencies, err := s.CurrenciesInCommerce(ctx)
	if errors.Is(err, ErrNotConnected) {
		return "", nil
	}
	if err == nil {
		said, err = s.putCurrencies(ctx, currencies)
	}
	if err != nil {
		return "", fmt.Errorf("the decimals of the currencies were not copied from Commerce, and those in %s stay as they are: %w. "+
			"hub doctor%s compares them, and hub configure%s copies them", settings.CommerceCurrencies, err, s.Flag(), s.Flag())
	}
	return said, nil
}

func (s Store) putCurrencies(ctx context.Context, currencies money.Decimals) (said string, err error) {
	release, err := s.Saving(ctx)
	if err != nil {
		return "", err
	}
	defer release()
	current, err := s.Parameters(ctx, []string{settings.CommerceCurrencies})
	if err != nil || strings.TrimSpace(current[settings.CommerceCurrencies]) == currencies.String() {
		return "", err
	}
	if err := s.Put(ctx, settings.CommerceCurrencies, currencies.String()); err != nil {
		return "", err
	}
	return "Copied the decimals of the store's currencies from Commerce: " + currencies.String() + ".", nil
}
