//! Bare signatures of the engine on every parameter set.

use kabinet_gost::ParameterSet;
use kabinet_gost::digest::Digest;
use kabinet_gost::signature::verify;

use crate::engine::Engine;

const SIGNATURES: usize = 60;

pub fn digest(set: ParameterSet, message: &[u8]) -> Vec<u8> {
    if set.bits() == 256 {
        Digest::Streebog256.of(message)
    } else {
        Digest::Streebog512.of(message)
    }
}

fn check(set: ParameterSet) {
    let engine = Engine::new();
    let key = engine.key("key.pem", set);
    for number in 0..SIGNATURES {
        let message = format!("{number} over {}", set.name()).repeat(number % 7 + 1);
        let signature = engine.sign("key.pem", set, message.as_bytes());
        let digest = digest(set, message.as_bytes());
        let what = format!("{} {number} key {key:02x?} signature {signature:02x?}", set.name());
        assert_eq!(verify(set, &key, &digest, &signature), Ok(()), "{what}");
        let mut altered = signature.clone();
        let bit = number * 37 % (signature.len() * 8);
        altered[bit / 8] ^= 1 << (bit % 8);
        assert!(verify(set, &key, &digest, &altered).is_err(), "{what} bit {bit}");
        let mut of_other = digest.clone();
        of_other[number % digest.len()] ^= 1 << (number % 8);
        assert!(verify(set, &key, &of_other, &signature).is_err(), "{what}");
        if number % 20 == 0 {
            assert!(engine.verifies("key.pem", set, message.as_bytes(), &signature), "{what}");
            assert!(!engine.verifies("key.pem", set, message.as_bytes(), &altered), "{what}");
        }
    }
}

#[test]
fn sixty_signatures_on_each_set_of_256_bits_are_accepted_and_with_one_bit_changed_refused() {
    ParameterSet::ALL.into_iter().filter(|set| set.bits() == 256).for_each(check);
}

#[test]
fn sixty_signatures_on_each_set_of_512_bits_are_accepted_and_with_one_bit_changed_refused() {
    ParameterSet::ALL.into_iter().filter(|set| set.bits() == 512).for_each(check);
}
