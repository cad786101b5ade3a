//! Autonomous systems: who runs the network that an address lies in, by tables that the operator supplies.
//!
//! 1. A table is text, a network a line, in one of three forms, told apart line by line by their shape; fields are
//!    separated by tabs or commas, and what follows the number (country, name) is not read:
//!
//!    ```text
//!    203.0.113.0/24,AS64500,RU              network, number
//!    203.0.113.0/24,64500,"Example, Ltd."   the same, as GeoLite2-ASN-Blocks-*.csv has it below its header
//!    203.0.113.0   203.0.113.255   64500    first and last address, number, as ip2asn-*.tsv of iptoasn.com has it
//!    ```
//!
//!    Empty lines, lines that begin with `#` and a first line that names the columns are passed over. The number 0 says that
//!    nobody announces the network.
//! 2. Where networks overlap the narrower one counts, and of two equal ones the later.
//! 3. What is kept is where each stretch of addresses begins and whose it is, sorted, so that a look-up is a binary search.
//!
//! A line that cannot be read refuses the whole table: half a table would judge people by chance.

use std::cmp::Reverse;
use std::fmt;
use std::io::{self, BufRead, Read};
use std::net::{IpAddr, Ipv4Addr};

/// The longest line that is read, bytes.
const LONGEST: u64 = 4096;

/// The number of an autonomous system (RFC 6793); never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Asn(pub u32);

impl fmt::Display for Asn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AS{}", self.0)
    }
}

/// Why there is no table.
#[derive(Debug, thiserror::Error)]
pub enum BadTable {
    /// A line that is none.
    #[error("line {line}: {what}")]
    Line {
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The file cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The networks of one address family while they are collected: first and last address, number.
type Rows<A> = Vec<(A, A, u32)>;

/// The lines of some tables, before they can be asked.
#[derive(Debug, Default)]
pub struct Tables {
    v4: Rows<u32>,
    v6: Rows<u128>,
}

impl Tables {
    /// Adds a table.
    ///
    /// # Errors
    /// With the first line that cannot be read.
    pub fn read(&mut self, mut table: impl BufRead) -> Result<(), BadTable> {
        let mut bytes = Vec::new();
        for line in 1.. {
            bytes.clear();
            if table.by_ref().take(LONGEST).read_until(b'\n', &mut bytes)? == 0 {
                break;
            }
            if bytes.len() as u64 == LONGEST {
                return Err(BadTable::Line { line, what: "is longer than 4096 bytes" });
            }
            self.add(&bytes, line == 1).map_err(|what| BadTable::Line { line, what })?;
        }
        Ok(())
    }

    fn add(&mut self, bytes: &[u8], is_first: bool) -> Result<(), &'static str> {
        if is_first && bytes.starts_with(&[0x1f, 0x8b]) {
            return Err("is compressed; unpack the file");
        }
        // Names behind the number may be written in any encoding.
        let text = String::from_utf8_lossy(bytes);
        let text = text.trim_start_matches('\u{feff}').trim();
        if text.is_empty() || text.starts_with('#') {
            return Ok(());
        }
        let mut fields = text.split(['\t', ',']).map(|field| field.trim().trim_matches('"'));
        let mut next = || fields.next().unwrap_or_default();
        let (first, second) = (next(), next());
        if is_first && ["network", "start_ip", "range_start"].contains(&first) {
            return Ok(());
        }
        let ((first, last), number) = match second.parse::<IpAddr>() {
            Ok(last) => ((address(first)?, last), next()),
            Err(_) => (network(first)?, second),
        };
        let number = asn(number)?;
        match (first, last) {
            (IpAddr::V4(first), IpAddr::V4(last)) if first <= last => self.v4.push((first.into(), last.into(), number)),
            (IpAddr::V6(first), IpAddr::V6(last)) if first <= last => self.v6.push((first.into(), last.into(), number)),
            _ => return Err("the last address lies before the first"),
        }
        Ok(())
    }

    /// What has been read, ready to be asked.
    #[must_use]
    pub fn finish(self) -> Networks {
        let networks = self.v4.len() + self.v6.len();
        Networks {
            networks,
            v4: Stretches::of(self.v4),
            v6: Stretches::of(self.v6),
        }
    }
}

fn address(text: &str) -> Result<IpAddr, &'static str> {
    text.parse().map_err(|_| "begins with neither a network nor an address")
}

/// The first and the last address of a network; a bare address is the network of that one.
fn network(text: &str) -> Result<(IpAddr, IpAddr), &'static str> {
    const PREFIX: &str = "the prefix is too long or no number";
    let Some((first, prefix)) = text.split_once('/') else {
        return address(text).map(|only| (only, only));
    };
    let is_number = !prefix.is_empty() && prefix.bytes().all(|digit| digit.is_ascii_digit());
    let prefix: u32 = prefix.parse().ok().filter(|_| is_number).ok_or(PREFIX)?;
    let first = address(first)?;
    let (bits, own, last) = match first {
        IpAddr::V4(ip) if prefix <= 32 => {
            let own = u32::MAX.checked_shr(prefix).unwrap_or(0);
            (u128::from(u32::from(ip)), u128::from(own), Ipv4Addr::from(u32::from(ip) | own).into())
        }
        IpAddr::V6(ip) if prefix <= 128 => {
            let own = u128::MAX.checked_shr(prefix).unwrap_or(0);
            (ip.into(), own, IpAddr::V6((u128::from(ip) | own).into()))
        }
        _ => return Err(PREFIX),
    };
    if bits & own != 0 {
        return Err("the network has bits set beyond its prefix");
    }
    Ok((first, last))
}

fn asn(text: &str) -> Result<u32, &'static str> {
    let digits = text.strip_prefix("AS").or_else(|| text.strip_prefix("as")).unwrap_or(text);
    let is_number = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    let number = digits.parse().ok().filter(|_| is_number);
    number.ok_or("the number of the autonomous system is missing or none")
}

/// Where each stretch of addresses begins, and whose it is; 0: nobody's.
#[derive(Debug)]
struct Stretches<A> {
    starts: Vec<A>,
    asns: Vec<u32>,
}

/// An address as a number.
trait Address: Copy + Ord {
    /// The one behind it, unless it is the last.
    fn next(self) -> Option<Self>;
}

impl Address for u32 {
    fn next(self) -> Option<Self> {
        self.checked_add(1)
    }
}

impl Address for u128 {
    fn next(self) -> Option<Self> {
        self.checked_add(1)
    }
}

impl<A: Address> Stretches<A> {
    fn of(mut rows: Rows<A>) -> Self {
        // Wider ones first where they begin together; of equal ones the later stays the later.
        rows.sort_by_key(|&(first, last, _)| (first, Reverse(last)));
        let mut made = Self { starts: Vec::new(), asns: Vec::new() };
        // The networks that the place reached lies in, the one that counts at the top.
        let mut open: Vec<(A, u32)> = Vec::new();
        for (first, last, asn) in rows {
            made.close(&mut open, Some(first));
            made.begin(first, asn);
            open.push((last, asn));
        }
        made.close(&mut open, None);
        made.starts.shrink_to_fit();
        made.asns.shrink_to_fit();
        made
    }

    /// Ends the networks that end before `until`: behind each the one that it lay in goes on.
    fn close(&mut self, open: &mut Vec<(A, u32)>, until: Option<A>) {
        while let Some(&(last, _)) = open.last()
            && until.is_none_or(|until| last < until)
        {
            open.pop();
            while open.last().is_some_and(|&(outer, _)| outer <= last) {
                open.pop();
            }
            if let Some(start) = last.next() {
                self.begin(start, open.last().map_or(0, |&(_, asn)| asn));
            }
        }
    }

    fn begin(&mut self, start: A, asn: u32) {
        if self.starts.last() == Some(&start) {
            self.starts.pop();
            self.asns.pop();
        }
        if self.asns.last() != Some(&asn) {
            self.starts.push(start);
            self.asns.push(asn);
        }
    }

    fn find(&self, address: A) -> Option<Asn> {
        let place = self.starts.partition_point(|start| *start <= address).checked_sub(1)?;
        self.asns.get(place).copied().filter(|asn| *asn != 0).map(Asn)
    }

    fn size(&self) -> usize {
        self.starts.len() * size_of::<A>() + self.asns.len() * size_of::<u32>()
    }
}

/// Whose each address is.
#[derive(Debug)]
pub struct Networks {
    networks: usize,
    v4: Stretches<u32>,
    v6: Stretches<u128>,
}

impl Networks {
    /// The autonomous system of an address; `None`: no network holds it, or nobody announces it.
    #[must_use]
    pub fn find(&self, address: IpAddr) -> Option<Asn> {
        match address.to_canonical() {
            IpAddr::V4(ip) => self.v4.find(ip.into()),
            IpAddr::V6(ip) => self.v6.find(ip.into()),
        }
    }

    /// How many networks the tables held.
    #[must_use]
    pub fn networks(&self) -> usize {
        self.networks
    }

    /// How much memory they take, bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.v4.size() + self.v6.size()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Networks, BadTable> {
        let mut tables = Tables::default();
        tables.read(text.as_bytes())?;
        Ok(tables.finish())
    }

    fn find(networks: &Networks, address: &str) -> u32 {
        networks.find(address.parse().unwrap()).map_or(0, |asn| asn.0)
    }

    #[test]
    fn each_form_is_read_by_its_shape_and_lines_may_be_mixed() {
        let networks = read(
            "\u{feff}network,autonomous_system_number,autonomous_system_organization\r\n\
             # by hand\n\n\
             192.0.2.0/24,AS64500,RU\r\n\
             198.51.100.0/25\t64501\n\
             203.0.113.0/24,64502,\"Example, Ltd.\"\n\
             203.0.112.0\t203.0.112.9\t64503\tRU\tEXAMPLE\n\
             203.0.112.10,203.0.112.10,64504,Other\n\
             192.88.99.1,as64505\n\
             2001:db8::/32\t64506\n\
             2001:db9::\t2001:db9::ffff\t64507\tNone\tÖ",
        )
        .unwrap();
        for (address, asn) in [
            ("192.0.1.255", 0),
            ("192.0.2.0", 64500),
            ("192.0.2.255", 64500),
            ("192.0.3.0", 0),
            ("198.51.100.127", 64501),
            ("198.51.100.128", 0),
            ("203.0.113.7", 64502),
            ("203.0.112.9", 64503),
            ("203.0.112.10", 64504),
            ("203.0.112.11", 0),
            ("192.88.99.1", 64505),
            ("::ffff:192.0.2.7", 64500),
            ("2001:db7:ffff::", 0),
            ("2001:db8::", 64506),
            ("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", 64506),
            ("2001:db9::ffff", 64507),
            ("2001:db9::1:0", 0),
        ] {
            assert_eq!(find(&networks, address), asn, "{address}");
        }
        assert_eq!(networks.networks(), 8);
    }

    #[test]
    fn the_narrower_network_counts_wherever_it_stands_and_of_equal_ones_the_later() {
        for text in [
            "10.0.0.0/8,1\n10.1.0.0/16,2\n10.1.2.0/24,3\n10.1.255.0/24,4\n10.3.0.0/16,5\n10.3.0.0/16,6\n10.0.0.0/16,7\n",
            "10.3.0.0/16,5\n10.1.255.0/24,4\n10.1.2.0/24,3\n10.0.0.0/16,7\n10.1.0.0/16,2\n10.3.0.0/16,6\n10.0.0.0/8,1\n",
        ] {
            let networks = read(text).unwrap();
            for (address, asn) in [
                ("9.255.255.255", 0),
                ("10.0.0.0", 7),
                ("10.1.0.0", 2),
                ("10.1.1.255", 2),
                ("10.1.2.0", 3),
                ("10.1.3.0", 2),
                ("10.1.255.9", 4),
                ("10.2.0.0", 1),
                ("10.3.0.1", 6),
                ("10.4.0.0", 1),
                ("10.255.255.255", 1),
                ("11.0.0.0", 0),
            ] {
                assert_eq!(find(&networks, address), asn, "{address} in {text}");
            }
        }
    }

    #[test]
    fn all_look_ups_agree_with_a_search_line_by_line() {
        // Nested networks of a small world, from a fixed pseudorandom sequence.
        let mut state = 7_u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state >> 16
        };
        for _ in 0..50 {
            let rows: Vec<(u32, u32, u32)> = (1..40)
                .map(|asn| {
                    let prefix = 24 + next() % 9;
                    let own = u32::MAX.checked_shr(prefix).unwrap_or(0);
                    let first = (next() % 256) & !own;
                    (first, first | own, asn % 7)
                })
                .collect();
            let made = Stretches::of(rows.clone());
            for address in 0..260 {
                let holders = rows.iter().enumerate().filter(|(_, row)| row.0 <= address && address <= row.1);
                let narrowest = holders.min_by_key(|(place, row)| (row.1 - row.0, Reverse(*place)));
                let wanted = narrowest.map(|(_, row)| row.2).filter(|asn| *asn != 0).map(Asn);
                assert_eq!(made.find(address), wanted, "{address} in {rows:?}");
            }
        }
    }

    #[test]
    fn the_ends_of_both_families_belong_to_whoever_has_them() {
        let networks = read("0.0.0.0/0,1\n255.255.255.255,2\n::/0,3\nffff::/16,4\n").unwrap();
        for (address, asn) in [
            ("0.0.0.0", 1),
            ("255.255.255.254", 1),
            ("255.255.255.255", 2),
            ("::", 3),
            ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 4),
        ] {
            assert_eq!(find(&networks, address), asn, "{address}");
        }
        let nothing = read("").unwrap();
        assert_eq!((find(&nothing, "0.0.0.0"), nothing.size()), (0, 0));
    }

    #[test]
    fn rubbish_is_refused_with_its_line_and_a_reason() {
        for (line, reason) in [
            ("hello", "begins with neither"),
            ("network,autonomous_system_number", "begins with neither"),
            ("10.0.0.0/8", "number of the autonomous system"),
            ("10.0.0.0/8,", "number of the autonomous system"),
            ("10.0.0.0/8,RU", "number of the autonomous system"),
            ("10.0.0.0/8,-1", "number of the autonomous system"),
            ("10.0.0.0/8,+1", "number of the autonomous system"),
            ("10.0.0.0/8,4294967296", "number of the autonomous system"),
            ("10.0.0.0/8;1", "prefix"),
            ("10.0.0.0/33,1", "prefix"),
            ("10.0.0.0/+8,1", "prefix"),
            ("10.0.0.0/,1", "prefix"),
            ("2001:db8::/129,1", "prefix"),
            ("10.0.0.1/8,1", "bits set"),
            ("2001:db8::1/64,1", "bits set"),
            ("10.0.0.9\t10.0.0.1\t1", "before the first"),
            ("10.0.0.9\t2001:db8::\t1", "before the first"),
            ("10.0.0\t10.0.0.1\t1", "begins with neither"),
            ("10.0.0.0\t10.0.0.1", "number of the autonomous system"),
            ("\u{1f}\u{8b}\u{0}", "begins with neither"),
        ] {
            let said = read(&format!("192.0.2.0/24,1\n{line}\n")).unwrap_err().to_string();
            assert!(said.starts_with("line 2: ") && said.contains(reason), "{line:?}: {said}");
        }
        let long = format!("10.0.0.0/8,1,{}", "x".repeat(5000));
        assert!(read(&long).unwrap_err().to_string().contains("line 1: is longer"));
        let mut tables = Tables::default();
        let packed = tables.read(&[0x1f, 0x8b, 8, 0][..]).unwrap_err().to_string();
        assert_eq!(packed, "line 1: is compressed; unpack the file");
    }
}
