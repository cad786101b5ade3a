#!/bin/sh
# Signs in with a certificate without a browser, as a program on the person's computer would: curl and `openssl cms`.
#
#   sign-in.sh ISSUER CERTIFICATE KEY [FOLDER]
#
# CERTIFICATE and KEY are PEM files of ГОСТ Р 34.10-2012; OPENSSL_CONF names a configuration that loads the GOST engine. DIGEST
# is md_gost12_256 unless set. FOLDER keeps the cookies: the same one is the same browser. Prints where the sign-in led: exit 0
# signed in, 3 a code was sent, 4 the certificate is not linked, 1 refused (the code is printed).
set -eu

issuer=$1 certificate=$2 key=$3
folder=${4:-$(mktemp -d)}
mkdir -p "$folder"
jar=$folder/cookies
touch "$jar"

call() {
	curl --silent --show-error --cookie "$jar" --cookie-jar "$jar" "$@"
}

# The value of a hidden field of the page.
field() {
	sed -n "s/.*name=\"$1\" value=\"\([^\"]*\)\".*/\1/p" "$folder/page" | head -n 1
}

# The value of a member of the answer; none of them has a quote inside.
member() {
	sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" "$folder/challenge"
}

call --output "$folder/page" "$issuer/login/certificate"
token=$(field form-token)
flow=$(field flow)

# The text to be signed: made by the server, good for five minutes, for this browser and this request.
call --output "$folder/challenge" --data-urlencode "form-token=$token" --data-urlencode "flow=$flow" \
	--data purpose=sign-in "$issuer/login/certificate/challenge"
challenge=$(member challenge)
if [ -z "$challenge" ]; then
	cat "$folder/challenge" >&2
	exit 1
fi
member text | base64 -d >"$folder/text"

# Detached, with the certificate inside and named by a signed attribute (CAdES-BES).
openssl cms -sign -binary -in "$folder/text" -signer "$certificate" -inkey "$key" -md "${DIGEST:-md_gost12_256}" \
	-cades -nosmimecap -outform DER -out "$folder/signature"
base64 "$folder/signature" >"$folder/signature.txt"

call --output "$folder/answer" --write-out '%{http_code} %{redirect_url}\n' \
	--data-urlencode "form-token=$token" --data-urlencode "flow=$flow" --data purpose=sign-in \
	--data-urlencode "challenge=$challenge" --data-urlencode "signature@$folder/signature.txt" \
	"$issuer/login/certificate" >"$folder/led"
cat "$folder/led"
case $(cat "$folder/led") in
*/login/certificate/confirm*) exit 3 ;;
*/login/certificate/unlinked*) exit 4 ;;
303*) exit 0 ;;
esac
sed -n 's/.*data-error="\([^"]*\)".*/\1/p' "$folder/answer" >&2
exit 1
