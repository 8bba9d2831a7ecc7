package doctor

import (
	"context"
	"errors"
	"maps"

	"commerce-segment/infra/hub/store"
	"commerce-segment/infra/hub/words"
	"commerce-segment/shared/money"
	"commerce-segment/shared/settings"
)

func (p Patient) currencies(ctx context.Context) []Finding {
	set, err := p.Store.Currencies(ctx)
	if err != nil {
		return unknown(err)
	}
	inCommerce, err := p.Store.CurrenciesInCommerce(ctx)
	return currencyFindings(set, inCommerce, err, p.Store.Flag())
}

// currencyFindings compares the decimals in the settings with those in Commerce.
func currencyFindings(set, inCommerce money.Decimals, err error, flag string) []Finding {
	const fallback = "amounts use the decimals of each webhook's prices, or those of ISO 4217"
	copies := "hub configure" + flag + " copies them from Commerce"
	switch {
	case errors.Is(err, store.ErrNotConnected) && len(set) == 0:
		return []Finding{{State: Note, Says: "no decimals of currencies are set: " + fallback, Do: "connect Commerce: hub configure" + flag}}
	case errors.Is(err, store.ErrNotConnected):
		return []Finding{{State: Note, Says: "the decimals are set, " + set.String() + ", and not compared, because the hub is not connected to Commerce", Do: "hub configure" + flag}}
	case err != nil:
		return []Finding{{State: Warning, Says: "the decimals in the settings were not compared with those in Commerce: " + words.OneLine(err.Error())}}
	case maps.Equal(set, inCommerce):
		return []Finding{{State: OK, Says: "the decimals of currencies match Commerce: " + inCommerce.String()}}
	case len(set) == 0:
		return []Finding{{State: Warning, Says: "Commerce has " + inCommerce.String() + ", and no decimals of currencies are set: " + fallback, Do: copies}}
	default:
		return []Finding{{State: Warning, Says: settings.CommerceCurrencies + " is " + set.String() + ", and Commerce has " + inCommerce.String() +
			": amounts in the currencies that differ may be wrong", Do: copies}}
	}
}
