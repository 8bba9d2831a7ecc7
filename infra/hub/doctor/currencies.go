package doctor

import (
	"context"
	"errors"
	"maps"

	"commerce-segment/infra/hub/store"
	"commerce-segment/shared/money"
	"commerce-segment/shared/settings"
)

func (p Patient) currencies(ctx context.Context) []Finding {
	set, err := p.Store.Currencies(ctx)
	if err != nil {
		return unknown(err)
	}
	has, err := p.Store.CurrenciesInCommerce(ctx)
	return currencyFindings(set, has, err, p.Store.Flag())
}

// currencyFindings compares the decimals in the settings with those in Commerce.
func currencyFindings(set, has money.Decimals, err error, flag string) []Finding {
	const otherwise = "amounts go by the prices of each webhook, and else by ISO 4217"
	copies := "hub configure" + flag + " copies them from Commerce"
	switch {
	case errors.Is(err, store.ErrNotConnected) && len(set) == 0:
		return []Finding{{State: Note, Says: "no decimals of currencies are set: " + otherwise, Do: "connect Commerce: hub configure" + flag}}
	case errors.Is(err, store.ErrNotConnected):
		return []Finding{{State: Note, Says: "the decimals are set, " + set.String() + ", and not compared, because the hub is not connected to Commerce", Do: "hub configure" + flag}}
	case err != nil:
		return []Finding{{State: Warning, Says: "the decimals that are set were not compared with Commerce's: " + oneLine(err.Error())}}
	case maps.Equal(set, has):
		return []Finding{{State: OK, Says: "currencies have the decimals that Commerce has: " + has.String()}}
	case len(set) == 0:
		return []Finding{{State: Warning, Says: "Commerce has " + has.String() + ", and no decimals of currencies are set: " + otherwise, Do: copies}}
	default:
		return []Finding{{State: Warning, Says: settings.CommerceCurrencies + " is " + set.String() + ", and Commerce has " + has.String() +
			": amounts in the currencies that differ may be sent wrong", Do: copies}}
	}
}
