//! Elliptic curves of ГОСТ Р 34.10-2012 in the short Weierstrass form y² = x³ + ax + b over a prime field.
//!
//! Sources: ГОСТ Р 34.10-2012 (RFC 7091 §5.1-§5.3), curves in `parameters` (RFC 4357 §11.4, RFC 7836 §A). Formulas: the
//! Explicit-Formulas Database, Jacobian coordinates, `dbl-2007-bl`, `dbl-2001-b` (a = −3), `add-2007-bl`, `madd-2007-bl`.
//!
//! 1. A point enters by [`Curve::point`], which refuses coordinates that are not below p, points off the curve and, where
//!    the cofactor is not 1, points outside the subgroup of order q.
//! 2. [`Curve::combine`] computes u·G + v·Q by interleaved non-adjacent forms: one run of doublings for both, with a table
//!    of G kept for the life of the process and a small one of Q made on the spot.
//!
//! The field is `crypto_bigint`'s Montgomery form with the modulus in the type, so a number is no longer than its limbs.
//!
//! Everything here takes time that depends on its arguments. To verify a signature is to compute with public values, and
//! the server does nothing else; signing exists behind the feature `sign` for development, where nobody measures.

use crypto_bigint::modular::{ConstMontyForm, ConstMontyParams, FixedMontyForm, FixedMontyParams};
use crypto_bigint::{Limb, Odd, Uint};

/// Width of the non-adjacent form for the point of a key: 8 odd multiples.
const KEY_WIDTH: u32 = 5;
/// Width of the non-adjacent form for the generator: 64 odd multiples.
const GENERATOR_WIDTH: u32 = 8;

/// One curve with its generator, over the field M of N limbs.
pub(crate) struct Curve<M: ConstMontyParams<N>, const N: usize> {
    a: ConstMontyForm<M, N>,
    b: ConstMontyForm<M, N>,
    /// Whether a = p − 3, which makes doubling cheaper.
    is_minus_three: bool,
    /// q, the prime order of the subgroup that the generator makes.
    order: Odd<Uint<N>>,
    scalars: FixedMontyParams<N>,
    cofactor: u32,
    /// G, 3G, 5G, …
    multiples: Vec<Affine<M, N>>,
}

/// A curve's numbers as they are published, big-endian in hexadecimal, full width.
pub(crate) struct Constants<const N: usize> {
    pub a: Uint<N>,
    pub b: Uint<N>,
    pub order: Odd<Uint<N>>,
    pub cofactor: u32,
    pub x: Uint<N>,
    pub y: Uint<N>,
}

/// A point other than the point at infinity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Affine<M: ConstMontyParams<N>, const N: usize> {
    x: ConstMontyForm<M, N>,
    y: ConstMontyForm<M, N>,
}

/// A point as X : Y : Z with x = X/Z², y = Y/Z³; Z = 0 is the point at infinity.
#[derive(Clone, Copy, Debug)]
struct Jacobian<M: ConstMontyParams<N>, const N: usize> {
    x: ConstMontyForm<M, N>,
    y: ConstMontyForm<M, N>,
    z: ConstMontyForm<M, N>,
}

impl<M: ConstMontyParams<N>, const N: usize> Curve<M, N> {
    pub(crate) fn new(constants: &Constants<N>) -> Self {
        let a = ConstMontyForm::new(&constants.a);
        let generator = Affine {
            x: ConstMontyForm::new(&constants.x),
            y: ConstMontyForm::new(&constants.y),
        };
        let three = ConstMontyForm::new(&Uint::from(3_u32));
        let mut curve = Self {
            a,
            b: ConstMontyForm::new(&constants.b),
            is_minus_three: a + three == ConstMontyForm::ZERO,
            order: constants.order,
            scalars: FixedMontyParams::new_vartime(constants.order),
            cofactor: constants.cofactor,
            multiples: Vec::new(),
        };
        let multiples = curve.odd_multiples(&generator, GENERATOR_WIDTH);
        curve.multiples = multiples.into_iter().filter_map(Jacobian::to_affine).collect();
        curve
    }

    /// q.
    pub(crate) fn order(&self) -> &Odd<Uint<N>> {
        &self.order
    }

    /// A number modulo q, ready for arithmetic.
    pub(crate) fn scalar(&self, number: &Uint<N>) -> FixedMontyForm<N> {
        FixedMontyForm::new(&number.rem_vartime(self.order.as_nz_ref()), &self.scalars)
    }

    /// A point that can be a public key: on the curve, of order q.
    pub(crate) fn point(&self, x: &Uint<N>, y: &Uint<N>) -> Option<Affine<M, N>> {
        let p = M::PARAMS.modulus().as_nz_ref().get();
        if *x >= p || *y >= p {
            return None;
        }
        let point = Affine { x: ConstMontyForm::new(x), y: ConstMontyForm::new(y) };
        if !self.holds(&point) {
            return None;
        }
        // RFC 7836 §A.2: the cofactor of the curves in twisted Edwards form is 4. A point of small order would accept more
        // than one signature.
        let has_order_q = self.cofactor == 1 || self.multiply(self.order.as_ref(), &point).is_infinity();
        has_order_q.then_some(point)
    }

    fn holds(&self, point: &Affine<M, N>) -> bool {
        let right = (point.x.square() + self.a) * point.x + self.b;
        point.y.square() == right
    }

    fn multiply(&self, by: &Uint<N>, point: &Affine<M, N>) -> Jacobian<M, N> {
        let table = self.odd_multiples(point, KEY_WIDTH);
        let digits = non_adjacent(by, KEY_WIDTH);
        let mut sum = Jacobian::INFINITY;
        for digit in digits.iter().rev() {
            sum = self.double(&sum);
            if let Some(term) = pick(&table, *digit) {
                sum = self.add(&sum, &term);
            }
        }
        sum
    }

    /// Whether u·G + v·Q is a point whose x, taken modulo q, is r (RFC 7091 §6.2 steps 6 and 7).
    pub(crate) fn x_of_sum_is(&self, u: &Uint<N>, v: &Uint<N>, q: &Affine<M, N>, r: &Uint<N>) -> bool {
        let sum = self.combine(u, v, q);
        if sum.is_infinity() {
            return false;
        }
        // x = X/Z²; comparing X with r·Z² spares an inversion. The x of a point may exceed q: up to four times where the
        // cofactor is 4.
        let zz = sum.z.square();
        let p = M::PARAMS.modulus().as_nz_ref().get();
        let mut candidate = *r;
        while candidate < p {
            if ConstMontyForm::new(&candidate) * zz == sum.x {
                return true;
            }
            let (next, carry) = candidate.carrying_add(self.order.as_ref(), Limb::ZERO);
            if carry != Limb::ZERO {
                return false;
            }
            candidate = next;
        }
        false
    }

    /// u·G + v·Q.
    fn combine(&self, u: &Uint<N>, v: &Uint<N>, q: &Affine<M, N>) -> Jacobian<M, N> {
        let of_generator = non_adjacent(u, GENERATOR_WIDTH);
        let of_key = non_adjacent(v, KEY_WIDTH);
        let multiples = self.odd_multiples(q, KEY_WIDTH);
        let mut sum = Jacobian::INFINITY;
        for at in (0..of_generator.len().max(of_key.len())).rev() {
            sum = self.double(&sum);
            if let Some(term) = pick(&self.multiples, of_generator.get(at).copied().unwrap_or(0)) {
                sum = self.add_affine(&sum, &term);
            }
            if let Some(term) = pick(&multiples, of_key.get(at).copied().unwrap_or(0)) {
                sum = self.add(&sum, &term);
            }
        }
        sum
    }

    /// P, 3P, 5P, … for a non-adjacent form of this width.
    fn odd_multiples(&self, point: &Affine<M, N>, width: u32) -> Vec<Jacobian<M, N>> {
        let mut multiple = Jacobian::from(*point);
        let twice = self.double(&multiple);
        let mut multiples = vec![multiple];
        for _ in 1..(1_usize << (width - 2)) {
            multiple = self.add(&multiple, &twice);
            multiples.push(multiple);
        }
        multiples
    }

    fn double(&self, p: &Jacobian<M, N>) -> Jacobian<M, N> {
        if p.is_infinity() {
            return *p;
        }
        if self.is_minus_three {
            return double_minus_three(p);
        }
        let (xx, yy, zz) = (p.x.square(), p.y.square(), p.z.square());
        let yyyy = yy.square();
        let s = ((p.x + yy).square() - xx - yyyy).double();
        let m = xx.double() + xx + self.a * zz.square();
        let x = m.square() - s.double();
        Jacobian {
            x,
            y: m * (s - x) - yyyy.double().double().double(),
            z: (p.y + p.z).square() - yy - zz,
        }
    }

    fn add(&self, p: &Jacobian<M, N>, q: &Jacobian<M, N>) -> Jacobian<M, N> {
        if p.is_infinity() {
            return *q;
        }
        if q.is_infinity() {
            return *p;
        }
        let (pzz, qzz) = (p.z.square(), q.z.square());
        let (u1, u2) = (p.x * qzz, q.x * pzz);
        let (s1, s2) = (p.y * q.z * qzz, q.y * p.z * pzz);
        if u1 == u2 {
            return if s1 == s2 { self.double(p) } else { Jacobian::INFINITY };
        }
        let h = u2 - u1;
        let i = h.double().square();
        let j = h * i;
        let r = (s2 - s1).double();
        let v = u1 * i;
        let x = r.square() - j - v.double();
        let z = ((p.z + q.z).square() - pzz - qzz) * h;
        Jacobian { x, y: r * (v - x) - (s1 * j).double(), z }
    }

    fn add_affine(&self, p: &Jacobian<M, N>, q: &Affine<M, N>) -> Jacobian<M, N> {
        if p.is_infinity() {
            return Jacobian::from(*q);
        }
        let zz = p.z.square();
        let u2 = q.x * zz;
        let s2 = q.y * p.z * zz;
        if u2 == p.x {
            return if s2 == p.y { self.double(p) } else { Jacobian::INFINITY };
        }
        let h = u2 - p.x;
        let hh = h.square();
        let i = hh.double().double();
        let j = h * i;
        let r = (s2 - p.y).double();
        let v = p.x * i;
        let x = r.square() - j - v.double();
        Jacobian {
            x,
            y: r * (v - x) - (p.y * j).double(),
            z: (p.z + h).square() - zz - hh,
        }
    }
}

#[cfg(any(feature = "sign", test))]
impl<M: ConstMontyParams<N>, const N: usize> Curve<M, N> {
    /// The coordinates of k·G; none when that is the point at infinity.
    pub(crate) fn multiple_of_generator(&self, k: &Uint<N>) -> Option<(Uint<N>, Uint<N>)> {
        let point = self.multiply(k, &self.multiples[0]).to_affine()?;
        Some((point.x.retrieve(), point.y.retrieve()))
    }
}

fn double_minus_three<M: ConstMontyParams<N>, const N: usize>(p: &Jacobian<M, N>) -> Jacobian<M, N> {
    let (delta, gamma) = (p.z.square(), p.y.square());
    let beta = p.x * gamma;
    let product = (p.x - delta) * (p.x + delta);
    let alpha = product.double() + product;
    let four_beta = beta.double().double();
    let x = alpha.square() - four_beta.double();
    let eight_gamma_squared = gamma.square().double().double().double();
    Jacobian {
        x,
        y: alpha * (four_beta - x) - eight_gamma_squared,
        z: (p.y + p.z).square() - gamma - delta,
    }
}

impl<M: ConstMontyParams<N>, const N: usize> Jacobian<M, N> {
    const INFINITY: Self = Self {
        x: ConstMontyForm::ONE,
        y: ConstMontyForm::ONE,
        z: ConstMontyForm::ZERO,
    };

    fn is_infinity(&self) -> bool {
        self.z == ConstMontyForm::ZERO
    }

    fn to_affine(self) -> Option<Affine<M, N>> {
        let inverse = self.z.invert_vartime().into_option()?;
        let square = inverse.square();
        Some(Affine { x: self.x * square, y: self.y * square * inverse })
    }
}

impl<M: ConstMontyParams<N>, const N: usize> From<Affine<M, N>> for Jacobian<M, N> {
    fn from(point: Affine<M, N>) -> Self {
        Self { x: point.x, y: point.y, z: ConstMontyForm::ONE }
    }
}

/// What has a negative.
trait Negate: Copy {
    fn negate(self) -> Self;
}

impl<M: ConstMontyParams<N>, const N: usize> Negate for Affine<M, N> {
    fn negate(self) -> Self {
        Self { y: -self.y, ..self }
    }
}

impl<M: ConstMontyParams<N>, const N: usize> Negate for Jacobian<M, N> {
    fn negate(self) -> Self {
        Self { y: -self.y, ..self }
    }
}

/// The odd multiple that a digit names; none for 0.
fn pick<P: Negate>(multiples: &[P], digit: i16) -> Option<P> {
    let found = multiples.get(usize::from(digit.unsigned_abs()) / 2).copied();
    match digit.signum() {
        1 => found,
        -1 => found.map(Negate::negate),
        _ => None,
    }
}

/// The non-adjacent form of a number, lowest digit first: each digit is 0 or odd and below 2^(width − 1) in absolute value.
fn non_adjacent<const N: usize>(number: &Uint<N>, width: u32) -> Vec<i16> {
    let bits = number.bits_vartime();
    let bit = |at: u32| u16::from(at < bits && number.bit_vartime(at));
    let mut digits = Vec::with_capacity(bits as usize + 1);
    let (mut at, mut carry) = (0, 0);
    while at < bits || carry > 0 {
        if bit(at) == carry {
            // The carry runs on through ones and is absorbed by a zero.
            digits.push(0);
            at += 1;
            continue;
        }
        let window = (0..width).fold(carry, |sum, offset| sum + (bit(at + offset) << offset));
        let top = 1_u16 << (width - 1);
        carry = window >> (width - 1) & 1;
        digits.push((window & (top - 1)) as i16 - if carry == 1 { top as i16 } else { 0 });
        digits.extend(std::iter::repeat_n(0, width as usize - 1));
        at += width;
    }
    digits
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// What every curve must hold, or a constant is mistyped.
    pub(crate) fn is_sound<M: ConstMontyParams<N>, const N: usize>(curve: &Curve<M, N>) -> bool {
        let generator = curve.multiples[0];
        let one_more = curve.order.as_ref().wrapping_add(&Uint::ONE);
        curve.holds(&generator)
            && curve.multiply(curve.order.as_ref(), &generator).is_infinity()
            && curve.multiply(&one_more, &generator).to_affine() == Some(generator)
            && curve.multiples.len() == 1 << (GENERATOR_WIDTH - 2)
            && curve.multiples.iter().all(|multiple| curve.holds(multiple))
    }

    impl<M: ConstMontyParams<N>, const N: usize> Curve<M, N> {
        /// Whether X‖Y, little-endian, satisfies the equation, whatever its order.
        pub(crate) fn is_on_it(&self, key: &[u8]) -> bool {
            let element = |bytes| ConstMontyForm::new(&Uint::from_le_slice(bytes));
            let (x, y) = key.split_at(key.len() / 2);
            self.holds(&Affine { x: element(x), y: element(y) })
        }

        /// p, a, b, q, x, y, as they are published.
        pub(crate) fn published(&self) -> [String; 6] {
            let element = |one: ConstMontyForm<M, N>| one.retrieve();
            let p = M::PARAMS.modulus().as_nz_ref().get();
            let (x, y) = (element(self.multiples[0].x), element(self.multiples[0].y));
            [p, element(self.a), element(self.b), self.order.get(), x, y].map(|number| format!("{number:x}"))
        }
    }

    #[test]
    fn a_non_adjacent_form_adds_up_to_its_number_and_its_digits_are_odd_and_small() {
        use crypto_bigint::U64;
        for number in [0_u64, 1, 2, 3, 15, 16, 17, 255, 0xffff_ffff, 0x8000_0000, 0xdead_beef_0bad_cafe, u64::MAX] {
            for width in [2, KEY_WIDTH, GENERATOR_WIDTH] {
                let digits = non_adjacent(&U64::from(number), width);
                let sum = digits.iter().enumerate().map(|(at, digit)| i128::from(*digit) << at).sum::<i128>();
                assert_eq!(sum, i128::from(number), "{number} {width}");
                let small = |digit: i16| digit == 0 || (digit % 2 != 0 && digit.unsigned_abs() < 1 << (width - 1));
                assert!(digits.iter().all(|digit| small(*digit)), "{number} {width} {digits:?}");
            }
        }
    }
}
