// A web product in Go with go-oidc: discovery, code with PKCE and nonce, verified ID token with at_hash, userinfo.
//
//	/          the verified claims in #claims and #userinfo, or the link #sign-in
//	/sign-in   starts a sign-in
//	/callback  checks the answer; a refusal is shown in #refused
package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"html"
	"log"
	"net/http"
	"os"
	"sync"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

const head = `<!doctype html><html lang="ru"><meta charset="utf-8"><link rel="icon" href="data:,"><title>Go</title><main>`

// What is kept of a sign-in that has begun.
type begun struct{ nonce, verifier string }

type product struct {
	config   oauth2.Config
	provider *oidc.Provider
	mutex    sync.Mutex
	begun    map[string]begun
	page     string
}

func main() {
	self := "http://127.0.0.1:" + os.Getenv("PORT")
	provider, err := oidc.NewProvider(context.Background(), os.Getenv("ISSUER"))
	if err != nil {
		log.Fatal(err)
	}
	p := &product{
		provider: provider,
		config: oauth2.Config{
			ClientID:     os.Getenv("CLIENT_ID"),
			ClientSecret: os.Getenv("CLIENT_SECRET"),
			Endpoint:     provider.Endpoint(),
			RedirectURL:  self + "/callback",
			Scopes:       []string{oidc.ScopeOpenID, "profile", "phone"},
		},
		begun: map[string]begun{},
		page:  `<a id="sign-in" href="/sign-in">Войти</a>`,
	}
	http.HandleFunc("/", p.home)
	http.HandleFunc("/sign-in", p.signIn)
	http.HandleFunc("/callback", p.callback)
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), nil))
}

func (p *product) home(w http.ResponseWriter, _ *http.Request) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Write([]byte(head + p.page))
}

func (p *product) signIn(w http.ResponseWriter, r *http.Request) {
	state, sent := random(), begun{random(), oauth2.GenerateVerifier()}
	p.mutex.Lock()
	p.begun[state] = sent
	p.mutex.Unlock()
	to := p.config.AuthCodeURL(state, oidc.Nonce(sent.nonce), oauth2.S256ChallengeOption(sent.verifier))
	http.Redirect(w, r, to, http.StatusSeeOther)
}

func (p *product) callback(w http.ResponseWriter, r *http.Request) {
	page, err := p.accept(r)
	if err != nil {
		page = shown("refused", map[string]string{"error": err.Error()})
	}
	p.mutex.Lock()
	p.page = page
	p.mutex.Unlock()
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (p *product) accept(r *http.Request) (string, error) {
	query := r.URL.Query()
	p.mutex.Lock()
	sent, known := p.begun[query.Get("state")]
	delete(p.begun, query.Get("state"))
	p.mutex.Unlock()
	if !known {
		return "", errors.New("no sign-in has this state")
	}
	if query.Get("code") == "" {
		return "", errors.New(query.Get("error"))
	}
	token, err := p.config.Exchange(r.Context(), query.Get("code"), oauth2.VerifierOption(sent.verifier))
	if err != nil {
		return "", err
	}
	raw, _ := token.Extra("id_token").(string)
	idToken, err := p.provider.Verifier(&oidc.Config{ClientID: p.config.ClientID}).Verify(r.Context(), raw)
	if err != nil {
		return "", err
	}
	if idToken.Nonce != sent.nonce {
		return "", errors.New("the nonce is of another sign-in")
	}
	if err := idToken.VerifyAccessToken(token.AccessToken); err != nil {
		return "", err
	}
	userinfo, err := p.provider.UserInfo(r.Context(), p.config.TokenSource(r.Context(), token))
	if err != nil {
		return "", err
	}
	var claims, about map[string]interface{}
	if err := idToken.Claims(&claims); err != nil {
		return "", err
	}
	if err := userinfo.Claims(&about); err != nil {
		return "", err
	}
	return shown("claims", claims) + shown("userinfo", about), nil
}

func shown(id string, value interface{}) string {
	text, err := json.Marshal(value)
	if err != nil {
		return err.Error()
	}
	return `<pre id="` + id + `">` + html.EscapeString(string(text)) + `</pre>`
}

func random() string {
	bytes := make([]byte, 32)
	if _, err := rand.Read(bytes); err != nil {
		log.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(bytes)
}
