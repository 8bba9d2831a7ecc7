package store

import (
	"context"
	"fmt"
	"strings"

	"commerce-segment/shared/settings"
)

// DefaultAddress stands for the address that a store has without a kept one: that of its stack,
// or for a store on this machine the one that its webhooks have in Commerce.
const DefaultAddress = "default"

// At returns the store with another address of its webhooks than the one that it keeps: the
// beginning of their URLs, or DefaultAddress. An empty address changes nothing.
func (s Store) At(address string) (Store, error) {
	if address = strings.TrimSpace(address); address != "" && address != DefaultAddress {
		var err error
		if address, err = PublicURL(address); err != nil {
			return Store{}, err
		}
	}
	s.address = address
	return s, nil
}

// base returns the beginning of the webhooks' URLs: the one of At, or else the one that the
// store keeps. It is empty for the default.
func (s Store) base(ctx context.Context) (string, error) {
	base := s.address
	if base == "" {
		kept, err := s.keptAddress(ctx)
		if err != nil {
			return "", err
		}
		if base = kept; base != "" && base != DefaultAddress {
			if base, err = PublicURL(kept); err != nil {
				return "", fmt.Errorf("the parameter %s in %s: %w. Set it with hub webhooks sync%s --url", settings.WebhookAddress, s.Name, err, s.Flag())
			}
		}
	}
	if base == DefaultAddress {
		return "", nil
	}
	return base, nil
}

// KeepAddress writes the address of At, so that the store has it from now on. It reports
// whether it changed the kept one.
func (s Store) KeepAddress(ctx context.Context) (changed bool, err error) {
	kept, err := s.keptAddress(ctx)
	if err != nil || s.address == "" || s.address == kept || kept == "" && s.address == DefaultAddress {
		return false, err
	}
	return true, s.Put(ctx, settings.WebhookAddress, s.address)
}

func (s Store) keptAddress(ctx context.Context) (string, error) {
	values, err := s.Parameters(ctx, []string{settings.WebhookAddress})
	return strings.TrimSpace(values[settings.WebhookAddress]), err
}
