//! The twelve parameter sets of the signature: seven curves under twelve names.
//!
//! Sources: RFC 4357 §11.4 (CryptoPro), RFC 7836 §A.1-§A.2 (ТК 26, 512 bits and twisted Edwards curves), R 1323565.1.024-2019
//! (the same numbers under ТК 26's names). The numbers are those of OpenSSL's GOST engine (`fixtures/curves.json`); the unit
//! tests compare them with that file and assert for each that its generator is on the curve and of order q, which catches a
//! mistyped digit. Test curves (1.2.643.2.2.35.0, 1.2.643.7.1.2.1.2.0) are refused: they are in no list.

use std::sync::LazyLock;

use crypto_bigint::{Odd, U256, U512, Uint, const_monty_params};

use crate::curve::{Constants, Curve};

/// A named set of parameters of ГОСТ Р 34.10-2012.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ParameterSet {
    /// 1.2.643.2.2.35.1. 256 bits.
    CryptoProA,
    /// 1.2.643.2.2.35.2. 256 bits.
    CryptoProB,
    /// 1.2.643.2.2.35.3. 256 bits.
    CryptoProC,
    /// 1.2.643.2.2.36.0. The curve of `CryptoProA`, named for key exchange.
    CryptoProXchA,
    /// 1.2.643.2.2.36.1. The curve of `CryptoProC`, named for key exchange.
    CryptoProXchB,
    /// 1.2.643.7.1.2.1.1.1. 256 bits, twisted Edwards form, cofactor 4.
    Tc26A256,
    /// 1.2.643.7.1.2.1.1.2. The curve of `CryptoProA`.
    Tc26B256,
    /// 1.2.643.7.1.2.1.1.3. The curve of `CryptoProB`.
    Tc26C256,
    /// 1.2.643.7.1.2.1.1.4. The curve of `CryptoProC`.
    Tc26D256,
    /// 1.2.643.7.1.2.1.2.1. 512 bits.
    Tc26A512,
    /// 1.2.643.7.1.2.1.2.2. 512 bits.
    Tc26B512,
    /// 1.2.643.7.1.2.1.2.3. 512 bits, twisted Edwards form, cofactor 4.
    Tc26C512,
}

impl ParameterSet {
    /// All twelve.
    pub const ALL: [Self; 12] = [
        Self::CryptoProA,
        Self::CryptoProB,
        Self::CryptoProC,
        Self::CryptoProXchA,
        Self::CryptoProXchB,
        Self::Tc26A256,
        Self::Tc26B256,
        Self::Tc26C256,
        Self::Tc26D256,
        Self::Tc26A512,
        Self::Tc26B512,
        Self::Tc26C512,
    ];

    /// The set that an object identifier (its DER content) names.
    #[must_use]
    pub fn of_oid(oid: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|set| set.oid() == oid)
    }

    /// The object identifier's DER content.
    #[must_use]
    pub const fn oid(self) -> &'static [u8] {
        match self {
            Self::CryptoProA => &[0x2a, 0x85, 0x03, 0x02, 0x02, 0x23, 0x01],
            Self::CryptoProB => &[0x2a, 0x85, 0x03, 0x02, 0x02, 0x23, 0x02],
            Self::CryptoProC => &[0x2a, 0x85, 0x03, 0x02, 0x02, 0x23, 0x03],
            Self::CryptoProXchA => &[0x2a, 0x85, 0x03, 0x02, 0x02, 0x24, 0x00],
            Self::CryptoProXchB => &[0x2a, 0x85, 0x03, 0x02, 0x02, 0x24, 0x01],
            Self::Tc26A256 => &[0x2a, 0x85, 0x03, 0x07, 0x01, 0x02, 0x01, 0x01, 0x01],
            Self::Tc26B256 => &[0x2a, 0x85, 0x03, 0x07, 0x01, 0x02, 0x01, 0x01, 0x02],
            Self::Tc26C256 => &[0x2a, 0x85, 0x03, 0x07, 0x01, 0x02, 0x01, 0x01, 0x03],
            Self::Tc26D256 => &[0x2a, 0x85, 0x03, 0x07, 0x01, 0x02, 0x01, 0x01, 0x04],
            Self::Tc26A512 => &[0x2a, 0x85, 0x03, 0x07, 0x01, 0x02, 0x01, 0x02, 0x01],
            Self::Tc26B512 => &[0x2a, 0x85, 0x03, 0x07, 0x01, 0x02, 0x01, 0x02, 0x02],
            Self::Tc26C512 => &[0x2a, 0x85, 0x03, 0x07, 0x01, 0x02, 0x01, 0x02, 0x03],
        }
    }

    /// The name in the standards.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CryptoProA => "id-GostR3410-2001-CryptoPro-A-ParamSet",
            Self::CryptoProB => "id-GostR3410-2001-CryptoPro-B-ParamSet",
            Self::CryptoProC => "id-GostR3410-2001-CryptoPro-C-ParamSet",
            Self::CryptoProXchA => "id-GostR3410-2001-CryptoPro-XchA-ParamSet",
            Self::CryptoProXchB => "id-GostR3410-2001-CryptoPro-XchB-ParamSet",
            Self::Tc26A256 => "id-tc26-gost-3410-2012-256-paramSetA",
            Self::Tc26B256 => "id-tc26-gost-3410-2012-256-paramSetB",
            Self::Tc26C256 => "id-tc26-gost-3410-2012-256-paramSetC",
            Self::Tc26D256 => "id-tc26-gost-3410-2012-256-paramSetD",
            Self::Tc26A512 => "id-tc26-gost-3410-12-512-paramSetA",
            Self::Tc26B512 => "id-tc26-gost-3410-12-512-paramSetB",
            Self::Tc26C512 => "id-tc26-gost-3410-2012-512-paramSetC",
        }
    }

    /// 256 or 512: the length of a number in bits.
    #[must_use]
    pub const fn bits(self) -> usize {
        match self {
            Self::Tc26A512 | Self::Tc26B512 | Self::Tc26C512 => 512,
            _ => 256,
        }
    }
}

pub(crate) const N256: usize = U256::LIMBS;
pub(crate) const N512: usize = U512::LIMBS;

const_monty_params!(FieldA, U256, "fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffd97");
const_monty_params!(FieldB, U256, "8000000000000000000000000000000000000000000000000000000000000c99");
const_monty_params!(FieldC, U256, "9b9f605f5a858107ab1ec85e6b41c8aacf846e86789051d37998f7b9022d759b");
const_monty_params!(
    FieldA512,
    U512,
    "fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffdc7"
);
const_monty_params!(
    FieldB512,
    U512,
    "8000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000006f"
);

pub(crate) static CURVE_A: LazyLock<Curve<FieldA, N256>> = LazyLock::new(|| {
    Curve::new(&Constants {
        a: const { Uint::from_be_hex("fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffd94") },
        b: const { Uint::from_be_hex("00000000000000000000000000000000000000000000000000000000000000a6") },
        order: const { Odd::<Uint<_>>::from_be_hex("ffffffffffffffffffffffffffffffff6c611070995ad10045841b09b761b893") },
        x: const { Uint::from_be_hex("0000000000000000000000000000000000000000000000000000000000000001") },
        y: const { Uint::from_be_hex("8d91e471e0989cda27df505a453f2b7635294f2ddf23e3b122acc99c9e9f1e14") },
        cofactor: 1,
    })
});

pub(crate) static CURVE_B: LazyLock<Curve<FieldB, N256>> = LazyLock::new(|| {
    Curve::new(&Constants {
        a: const { Uint::from_be_hex("8000000000000000000000000000000000000000000000000000000000000c96") },
        b: const { Uint::from_be_hex("3e1af419a269a5f866a7d3c25c3df80ae979259373ff2b182f49d4ce7e1bbc8b") },
        order: const { Odd::<Uint<_>>::from_be_hex("800000000000000000000000000000015f700cfff1a624e5e497161bcc8a198f") },
        x: const { Uint::from_be_hex("0000000000000000000000000000000000000000000000000000000000000001") },
        y: const { Uint::from_be_hex("3fa8124359f96680b83d1c3eb2c070e5c545c9858d03ecfb744bf8d717717efc") },
        cofactor: 1,
    })
});

pub(crate) static CURVE_C: LazyLock<Curve<FieldC, N256>> = LazyLock::new(|| {
    Curve::new(&Constants {
        a: const { Uint::from_be_hex("9b9f605f5a858107ab1ec85e6b41c8aacf846e86789051d37998f7b9022d7598") },
        b: const { Uint::from_be_hex("000000000000000000000000000000000000000000000000000000000000805a") },
        order: const { Odd::<Uint<_>>::from_be_hex("9b9f605f5a858107ab1ec85e6b41c8aa582ca3511eddfb74f02f3a6598980bb9") },
        x: const { Uint::from_be_hex("0000000000000000000000000000000000000000000000000000000000000000") },
        y: const { Uint::from_be_hex("41ece55743711a8c3cbf3783cd08c0ee4d4dc440d4641a8f366e550dfdb3bb67") },
        cofactor: 1,
    })
});

pub(crate) static CURVE_TC26_A: LazyLock<Curve<FieldA, N256>> = LazyLock::new(|| {
    Curve::new(&Constants {
        a: const { Uint::from_be_hex("c2173f1513981673af4892c23035a27ce25e2013bf95aa33b22c656f277e7335") },
        b: const { Uint::from_be_hex("295f9bae7428ed9ccc20e7c359a9d41a22fccd9108e17bf7ba9337a6f8ae9513") },
        order: const { Odd::<Uint<_>>::from_be_hex("400000000000000000000000000000000fd8cddfc87b6635c115af556c360c67") },
        x: const { Uint::from_be_hex("91e38443a5e82c0d880923425712b2bb658b9196932e02c78b2582fe742daa28") },
        y: const { Uint::from_be_hex("32879423ab1a0375895786c4bb46e9565fde0b5344766740af268adb32322e5c") },
        cofactor: 4,
    })
});

pub(crate) static CURVE_A512: LazyLock<Curve<FieldA512, N512>> = LazyLock::new(|| {
    Curve::new(&Constants {
        a: const {
            Uint::from_be_hex(
                "fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffdc4",
            )
        },
        b: const {
            Uint::from_be_hex(
                "e8c2505dedfc86ddc1bd0b2b6667f1da34b82574761cb0e879bd081cfd0b6265ee3cb090f30d27614cb4574010da90dd862ef9d4ebee4761503190785a71c760",
            )
        },
        order: const {
            Odd::<Uint<_>>::from_be_hex(
                "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff27e69532f48d89116ff22b8d4e0560609b4b38abfad2b85dcacdb1411f10b275",
            )
        },
        x: const {
            Uint::from_be_hex(
                "00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000003",
            )
        },
        y: const {
            Uint::from_be_hex(
                "7503cfe87a836ae3a61b8816e25450e6ce5e1c93acf1abc1778064fdcbefa921df1626be4fd036e93d75e6a50e3a41e98028fe5fc235f5b889a589cb5215f2a4",
            )
        },
        cofactor: 1,
    })
});

pub(crate) static CURVE_B512: LazyLock<Curve<FieldB512, N512>> = LazyLock::new(|| {
    Curve::new(&Constants {
        a: const {
            Uint::from_be_hex(
                "8000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000006c",
            )
        },
        b: const {
            Uint::from_be_hex(
                "687d1b459dc841457e3e06cf6f5e2517b97c7d614af138bcbf85dc806c4b289f3e965d2db1416d217f8b276fad1ab69c50f78bee1fa3106efb8ccbc7c5140116",
            )
        },
        order: const {
            Odd::<Uint<_>>::from_be_hex(
                "800000000000000000000000000000000000000000000000000000000000000149a1ec142565a545acfdb77bd9d40cfa8b996712101bea0ec6346c54374f25bd",
            )
        },
        x: const {
            Uint::from_be_hex(
                "00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000002",
            )
        },
        y: const {
            Uint::from_be_hex(
                "1a8f7eda389b094c2c071e3647a8940f3c123b697578c213be6dd9e6c8ec7335dcb228fd1edf4a39152cbcaaf8c0398828041055f94ceeec7e21340780fe41bd",
            )
        },
        cofactor: 1,
    })
});

pub(crate) static CURVE_C512: LazyLock<Curve<FieldA512, N512>> = LazyLock::new(|| {
    Curve::new(&Constants {
        a: const {
            Uint::from_be_hex(
                "dc9203e514a721875485a529d2c722fb187bc8980eb866644de41c68e143064546e861c0e2c9edd92ade71f46fcf50ff2ad97f951fda9f2a2eb6546f39689bd3",
            )
        },
        b: const {
            Uint::from_be_hex(
                "b4c4ee28cebc6c2c8ac12952cf37f16ac7efb6a9f69f4b57ffda2e4f0de5ade038cbc2fff719d2c18de0284b8bfef3b52b8cc7a5f5bf0a3c8d2319a5312557e1",
            )
        },
        order: const {
            Odd::<Uint<_>>::from_be_hex(
                "3fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffc98cdba46506ab004c33a9ff5147502cc8eda9e7a769a12694623cef47f023ed",
            )
        },
        x: const {
            Uint::from_be_hex(
                "e2e31edfc23de7bdebe241ce593ef5de2295b7a9cbaef021d385f7074cea043aa27272a7ae602bf2a7b9033db9ed3610c6fb85487eae97aac5bc7928c1950148",
            )
        },
        y: const {
            Uint::from_be_hex(
                "f5ce40d95b5eb899abbccff5911cb8577939804d6527378b8c108c3d2090ff9be18e2d33e3021ed2ef32d85822423b6304f726aa854bae07d0396e9a9addc40f",
            )
        },
        cofactor: 4,
    })
});

/// Runs the expression with the curve of a parameter set.
macro_rules! with_curve {
    ($set:expr, $curve:ident => $body:expr) => {
        match $set {
            $crate::ParameterSet::CryptoProA | $crate::ParameterSet::CryptoProXchA | $crate::ParameterSet::Tc26B256 => {
                let $curve = &*$crate::parameters::CURVE_A;
                $body
            }
            $crate::ParameterSet::CryptoProB | $crate::ParameterSet::Tc26C256 => {
                let $curve = &*$crate::parameters::CURVE_B;
                $body
            }
            $crate::ParameterSet::CryptoProC | $crate::ParameterSet::CryptoProXchB | $crate::ParameterSet::Tc26D256 => {
                let $curve = &*$crate::parameters::CURVE_C;
                $body
            }
            $crate::ParameterSet::Tc26A256 => {
                let $curve = &*$crate::parameters::CURVE_TC26_A;
                $body
            }
            $crate::ParameterSet::Tc26A512 => {
                let $curve = &*$crate::parameters::CURVE_A512;
                $body
            }
            $crate::ParameterSet::Tc26B512 => {
                let $curve = &*$crate::parameters::CURVE_B512;
                $body
            }
            $crate::ParameterSet::Tc26C512 => {
                let $curve = &*$crate::parameters::CURVE_C512;
                $body
            }
        }
    };
}
pub(crate) use with_curve;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::curve::tests::is_sound;

    #[test]
    fn every_generator_is_on_its_curve_and_has_the_order_q() {
        assert!(is_sound(&CURVE_A) && is_sound(&CURVE_B) && is_sound(&CURVE_C) && is_sound(&CURVE_TC26_A));
        assert!(is_sound(&CURVE_A512) && is_sound(&CURVE_B512) && is_sound(&CURVE_C512));
    }

    #[test]
    fn the_numbers_of_every_set_are_the_published_ones() {
        let published = include_str!("../fixtures/curves.json");
        let published: serde_json::Value = serde_json::from_str(published).unwrap();
        let published = published.as_array().unwrap();
        assert_eq!(published.len(), ParameterSet::ALL.len());
        for set in ParameterSet::ALL {
            let dotted = crate::oid::dotted(set.oid());
            let one = published.iter().find(|one| one["oid"] == dotted.as_str()).unwrap();
            assert_eq!((&one["name"], &one["bits"]), (&set.name().into(), &set.bits().into()));
            let ours = with_curve!(set, curve => curve.published());
            for (name, number) in ["p", "a", "b", "q", "x", "y"].into_iter().zip(ours) {
                assert_eq!(one[name], number.as_str(), "{name} of {}", set.name());
            }
        }
    }
}
