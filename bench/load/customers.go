// Customers as they are in practice, each with every kind of field that is JSON in its row. The same
// on every run. It encodes; it calls nothing.

package main

import (
	"fmt"
	"math/rand/v2"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	chinookv1 "protostore/bench/gen/chinook/v1"
)

const batchSize = 1000

var (
	givenNames  = []string{"Philippa", "Otávio", "Ingrid", "Kwame", "Mei", "Søren", "Aroha", "Lucía", "Tomasz", "Noor"}
	familyNames = []string{"Wren", "Bittencourt", "Halvorsen", "Mensah", "Zhao", "Lindqvist", "Parata", "Ibarra", "Kowalski", "Haddad"}
	streets     = []string{"Tanner's Yard", "Rua das Palmeiras", "Storgata", "Ring Road", "Nanjing West Road", "Calle Mayor"}
	cities      = []string{"Bristol", "Recife", "Oslo", "Kumasi", "Shanghai", "Sevilla"}
	regions     = []string{"England", "PE", "Oslo", "Ashanti", "Shanghai", "Andalucía"}
	countries   = []string{"United Kingdom", "Brazil", "Norway", "Ghana", "China", "Spain"}
	languages   = []string{"en-GB", "pt-BR", "nb-NO", "en-GH", "zh-CN", "es-ES"}
	tags        = []string{"regular", "vinyl-only", "B-sides", "always says hello", "pre-orders", "wholesale"}
)

func customer(random *rand.Rand) *chinookv1.Customer {
	pick := func(words []string) string { return words[random.IntN(len(words))] }
	given, family, place := pick(givenNames), pick(familyNames), random.IntN(len(cities))
	email := fmt.Sprintf("customer%d@example.com", random.IntN(1_000_000))
	c := &chinookv1.Customer{
		GivenName:  given,
		FamilyName: family,
		Address:    proto.String(fmt.Sprintf("%d %s", 1+random.IntN(200), pick(streets))),
		City:       &cities[place],
		Region:     &regions[place],
		Country:    &countries[place],
		PostalCode: proto.String(fmt.Sprintf("%05d", random.IntN(100_000))),
		Phone:      proto.String(fmt.Sprintf("+44 117 496 %04d", random.IntN(10_000))),
		Email:      email,
		SupportRep: fmt.Sprintf("employees/%d", 1+random.IntN(8)),
		Preferences: &chinookv1.Customer_Preferences{
			LanguageCode:   languages[place],
			Newsletter:     random.IntN(2) == 0,
			FavoriteGenres: []string{fmt.Sprintf("genres/%d", 1+random.IntN(25)), fmt.Sprintf("genres/%d", 1+random.IntN(25))},
			QuietHours:     &chinookv1.Customer_QuietHours{StartHour: 22, EndHour: int32(6 + random.IntN(4))},
		},
		Tags: []string{pick(tags), pick(tags)},
		Loyalty: &chinookv1.Customer_Loyalty{
			Points:   int64(random.IntN(100_000)),
			JoinTime: timestamppb.New(time.Unix(1_500_000_000+random.Int64N(200_000_000), 0)),
		},
		Attributes:       map[string]string{"crate #": fmt.Sprint(random.IntN(100)), "gift wrap": "brown paper"},
		PreferredContact: &chinookv1.Customer_ContactEmail{ContactEmail: email},
	}
	if random.IntN(4) == 0 {
		c.Company = proto.String(family + " & Daughters")
	}
	return c
}

func newRandom(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 2026)) }

// createRequests are n encoded CreateCustomerRequests.
func createRequests(n int) [][]byte {
	random := newRandom(1)
	requests := make([][]byte, n)
	for i := range requests {
		requests[i] = encode(&chinookv1.CreateCustomerRequest{Customer: customer(random)})
	}
	return requests
}

// batchRequests are n encoded BatchCreateCustomersRequests, each of up to size customers.
func batchRequests(n, size int) [][]byte {
	random := newRandom(2)
	requests := make([][]byte, n)
	for i := range requests {
		batch := &chinookv1.BatchCreateCustomersRequest{}
		for range size {
			batch.Requests = append(batch.Requests, &chinookv1.CreateCustomerRequest{Customer: customer(random)})
		}
		requests[i] = encode(batch)
	}
	return requests
}

// encode panics if a message of our own cannot be encoded, since that is a fault of this program.
func encode(message proto.Message) []byte {
	bytes, err := proto.MarshalOptions{Deterministic: true}.Marshal(message)
	if err != nil {
		panic(err)
	}
	return bytes
}
