//! Which addresses may be called.
//!
//! Public is what the IANA special-purpose registries (RFC 6890, with RFC 6598, 9637, 9602 and later entries) leave over.
//! An IPv4 address inside an IPv6 one is judged as the IPv4 address that it leads to: mapped (`::ffff:a.b.c.d`,
//! RFC 4291 §2.5.5.2) and translated (`64:ff9b::a.b.c.d`, RFC 6052 §2.1). The other transition forms (compatible, 6to4,
//! Teredo, locally translated, SIIT) are not called at all.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// Whether the address is public.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => translated(v6).map_or_else(|| is_public_v6(v6), is_public_v4),
    }
}

/// Whether one of the networks holds the address; a mapped IPv4 address is looked up as the IPv4 address.
#[must_use]
pub fn is_listed(address: IpAddr, networks: &[IpNet]) -> bool {
    let address = address.to_canonical();
    networks.iter().any(|network| network.contains(&address))
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = match a {
        // "This network", private, loopback; multicast, reserved and broadcast.
        0 | 10 | 127 | 224..=255 => true,
        // RFC 6598: shared between a provider and its customers (CGNAT).
        100 => (64..128).contains(&b),
        // RFC 3927: link-local, where clouds keep their metadata.
        169 => b == 254,
        172 => (16..32).contains(&b),
        // Protocol assignments, documentation, retired 6to4 relays, private.
        192 => matches!((b, c), (0, 0 | 2) | (88, 99) | (168, _)),
        // Benchmarks, documentation.
        198 => matches!((b, c), (18 | 19, _) | (51, 100)),
        203 => (b, c) == (0, 113),
        _ => false,
    };
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, ..] = address.segments();
    // RFC 4291 §2.4: only 2000::/3 is assigned as global unicast; loopback, local, multicast and the rest lie outside.
    let is_global_unicast = a & 0xe000 == 0x2000;
    let special = match a {
        // Protocol assignments (Teredo, ORCHID, benchmarks), documentation.
        0x2001 => b < 0x200 || b == 0xdb8,
        // 6to4.
        0x2002 => true,
        // RFC 9637: documentation.
        0x3fff => b < 0x1000,
        _ => false,
    };
    is_global_unicast && !special
}

/// The IPv4 address behind the well-known translation prefix `64:ff9b::/96`.
fn translated(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, 0, 0, 0, 0, high, low] = address.segments() else {
        return None;
    };
    let bits = (u32::from(high) << 16) | u32::from(low);
    ((a, b) == (0x64, 0xff9b)).then(|| Ipv4Addr::from_bits(bits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_public_or_not_as_the_registries_say() {
        let public = "1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 77.88.8.8 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 \
            169.253.0.1 172.15.255.255 172.32.0.0 192.0.1.0 192.0.3.0 192.88.98.1 192.167.1.1 192.169.0.0 198.17.255.255 \
            198.20.0.0 198.51.99.1 203.0.112.1 203.0.114.0 223.255.255.255 2a02:6b8::feed:ff 2606:4700::1 2001:200::1 \
            2001:4860:4860::8888 3ffe::1 3fff:1000::1 ::ffff:8.8.8.8 64:ff9b::808:808";
        let forbidden = "0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.127.255.255 127.0.0.1 127.255.255.254 169.254.169.254 \
            172.16.0.1 172.31.255.255 192.0.0.1 192.0.0.170 192.0.2.1 192.88.99.1 192.168.0.1 192.168.255.255 198.18.0.1 \
            198.19.255.255 198.51.100.7 203.0.113.9 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255 \
            :: ::1 ::2 ::127.0.0.1 ::8.8.8.8 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::ffff:0:127.0.0.1 \
            64:ff9b::127.0.0.1 64:ff9b::a00:1 64:ff9b::a9fe:a9fe 64:ff9b:1::8.8.8.8 100::1 2001::1 2001:0:7f00:1:: 2001:10::1 \
            2001:20::1 2001:1ff::1 2001:db8::1 2002:7f00:1:: 2002:808:808:: 3fff::1 3fff:fff::1 5f00::1 fc00::1 fd12:3456::1 \
            fe80::1 febf::1 fec0::1 ff02::1 ff0e::1";
        for (list, expected) in [(public, true), (forbidden, false)] {
            for text in list.split_whitespace() {
                assert_eq!(is_public(text.parse().unwrap()), expected, "{text}");
            }
        }
    }

    #[test]
    fn a_listed_network_holds_its_addresses_in_their_mapped_spelling_too() {
        let networks: Vec<IpNet> = vec!["127.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        for (text, expected) in [
            ("127.0.0.2", true),
            ("::ffff:127.0.0.2", true),
            ("fd00::1", true),
            ("::1", false),
            ("10.0.0.1", false),
        ] {
            assert_eq!(is_listed(text.parse().unwrap(), &networks), expected, "{text}");
        }
    }
}
