use super::*;
use crate::id::UserId;

fn head(brand: &str, kind: Kind, (version, edition, at): (&str, i64, i64)) -> Head {
    Head {
        brand: brand.to_owned(),
        kind,
        version: version.to_owned(),
        edition,
        title: Words::new("т", "t"),
        sha256: sha256(version),
        published_at: Timestamp(at),
    }
}

/// What was published, the last of it in force.
fn published(heads: &[Head]) -> Documents {
    let is_last = |i: usize| !heads[i + 1..].iter().any(|later| later.is_of(heads[i].kind, &heads[i].brand));
    Documents::of(
        heads
            .iter()
            .enumerate()
            .map(|(i, head)| (head.clone(), is_last(i).then(|| head.version.clone())))
            .collect(),
    )
}

fn person(agreed: Option<&str>, created_at: i64) -> User {
    User {
        agreed: agreed.map(Agreed::parse),
        ..User::new(UserId::from("u"), Timestamp(created_at))
    }
}

fn asked(documents: &Documents, user: &User, brand: Option<&str>) -> Vec<String> {
    let missing = documents.missing(user, brand);
    missing
        .iter()
        .map(|text| format!("{}:{}", text.head.kind.as_str(), text.head.version))
        .collect()
}

#[test]
fn there_is_a_marked_sample_of_every_kind() {
    let documents = Documents::default();
    for kind in Kind::ALL {
        let document = documents.in_force(kind, Some("astral-edo")).unwrap();
        assert!(document.head.is_sample() && document.body.starts_with("ОБРАЗЕЦ."), "{kind:?}");
        assert_eq!(document.head.sha256.len(), 64);
        assert_eq!(Kind::of_name(kind.as_str()), Some(kind));
    }
    assert_eq!(documents.samples_in_force().count(), 3);
}

#[test]
fn the_hash_is_that_of_the_text_and_the_text_falls_into_blocks() {
    let document = Document::sample(Kind::Agreement, Words::new("т", "t"), "## A\n\nb\n");
    assert_eq!(document.head.sha256, "eed593cd16a2816be05df82bb601ba4c9752b0a8f645f46353d033610431af3a");
    assert_eq!(document.blocks().collect::<Vec<_>>(), [Block::Heading("A"), Block::Paragraph("b")]);
}

#[test]
fn an_earlier_edition_is_asked_about_again_and_a_correction_is_not() {
    let documents = published(&[
        head("*", Kind::Agreement, ("1", 1, 10)),
        head("*", Kind::Agreement, ("1.1", 1, 20)),
        head("*", Kind::PdConsent, ("1", 1, 10)),
        head("*", Kind::PdConsent, ("2", 2, 30)),
        head("*", Kind::PdPolicy, ("7", 1, 40)),
    ]);
    let cases: [(&str, &[&str]); 6] = [
        ("agreement:1,pd-consent:2", &[]),
        ("agreement:1.1,pd-consent:1", &["pd-consent:2"]),
        ("agreement:1", &["pd-consent:2"]),
        ("", &["agreement:1.1", "pd-consent:2"]),
        ("agreement:1 (образец),pd-consent:2", &["agreement:1.1"]),
        ("agreement@edo:1,pd-consent:2", &["agreement:1.1"]),
    ];
    for (agreed, expected) in cases {
        assert_eq!(asked(&documents, &person(Some(agreed), 5), None), expected, "{agreed}");
    }
}

#[test]
fn who_agreed_to_a_sample_is_asked_about_the_first_text_and_not_about_another_sample() {
    let user = person(Some("agreement:0 (образец),pd-consent:1 (образец)"), 5);
    assert!(asked(&Documents::default(), &user, None).is_empty());
    let documents = published(&[head("*", Kind::Agreement, ("1", 1, 10))]);
    assert_eq!(asked(&documents, &user, None), ["agreement:1"]);
}

#[test]
fn an_account_made_by_an_administrator_is_asked_about_what_begins_later() {
    let first = head("*", Kind::Agreement, ("1", 1, 10));
    let minor = head("*", Kind::Agreement, ("1.1", 1, 30));
    let second = head("*", Kind::Agreement, ("2", 3, 40));
    assert!(asked(&Documents::default(), &person(None, 5), None).is_empty());
    let cases: [(Vec<Head>, i64, &[&str]); 5] = [
        (vec![first.clone()], 5, &["agreement:1", "pd-consent:1 (образец)"]),
        (vec![first.clone()], 10, &[]),
        (vec![first.clone(), minor.clone()], 20, &[]),
        (vec![first.clone(), minor.clone()], 5, &["agreement:1.1", "pd-consent:1 (образец)"]),
        (vec![first, minor, second], 20, &["agreement:2", "pd-consent:1 (образец)"]),
    ];
    for (heads, created_at, expected) in cases {
        assert_eq!(asked(&published(&heads), &person(None, created_at), None), expected, "{created_at}");
    }
}

#[test]
fn a_brand_asks_about_its_own_text_and_every_other_about_the_common_one() {
    let documents = published(&[
        head("*", Kind::Agreement, ("1", 1, 10)),
        head("edo", Kind::Agreement, ("1", 1, 20)),
        head("*", Kind::Agreement, ("2", 2, 30)),
    ]);
    let user = person(Some("agreement:2,pd-consent:1"), 5);
    assert!(asked(&documents, &user, Some("etp")).is_empty());
    assert_eq!(documents.missing(&user, Some("edo"))[0].head.brand, "edo");
    let both = person(Some("agreement:1,agreement@edo:1,pd-consent:1"), 5);
    assert!(asked(&documents, &both, Some("edo")).is_empty(), "the common text is not the brand's");
    assert_eq!(asked(&documents, &both, None), ["agreement:2"]);
}

#[test]
fn what_was_agreed_to_last_is_read_as_it_was_written() {
    let mut agreed = Agreed::parse("pd-consent@edo:a:b,agreement:1");
    let text = |document: &str, brand: &str, version: &str| Reference {
        document: document.to_owned(),
        brand: brand.to_owned(),
        version: version.to_owned(),
        sha256: String::new(),
    };
    agreed.put(&text("pd-consent", "*", "2"));
    agreed.put(&text("agreement", "*", "3"));
    assert_eq!(agreed.to_string(), "agreement:3,pd-consent:2,pd-consent@edo:a:b");
    assert_eq!(Agreed::parse(&agreed.to_string()), agreed);
    assert_eq!(agreed.version_of("pd-consent", "edo"), Some("a:b"));
    assert_eq!(agreed.take("pd-consent").len(), 2);
    assert!(!agreed.has("pd-consent") && agreed.has("agreement"));
    assert_eq!(Agreed::parse(""), Agreed::default());
}

#[test]
fn a_record_is_in_force_until_a_later_one_replaces_or_withdraws_it() {
    let record = |brand: &str, act, at: i64| Record {
        text: Reference {
            document: "pd-consent".to_owned(),
            brand: brand.to_owned(),
            version: at.to_string(),
            sha256: String::new(),
        },
        act,
        at: Timestamp(at),
        client: None,
    };
    let records = [
        record("*", Act::Given, 5),
        record("*", Act::Withdrawn, 4),
        record("edo", Act::Given, 3),
        record("*", Act::Given, 2),
        record("*", Act::Given, 1),
    ];
    let found: Vec<_> = standings(&records)
        .into_iter()
        .map(|(record, standing)| (record.at.0, standing))
        .collect();
    assert_eq!(
        found,
        [
            (5, Standing::InForce),
            (3, Standing::InForce),
            (2, Standing::Withdrawn(Timestamp(4))),
            (1, Standing::Replaced)
        ]
    );
}

#[test]
fn a_document_that_could_mislead_or_break_a_list_is_refused_by_its_part() {
    let good = || NewDocument {
        brand: "*".to_owned(),
        kind: Kind::Agreement,
        version: "2026-12-01".to_owned(),
        title: Words::new("Соглашение", "Agreement"),
        body: "## Предмет\r\n\tТекст.\n".to_owned(),
        is_minor: false,
    };
    assert_eq!(good().check(), Ok(()));
    let cases = [
        (NewDocument { brand: "A b".to_owned(), ..good() }, "brand"),
        (NewDocument { brand: String::new(), ..good() }, "brand"),
        (NewDocument { version: "1,2".to_owned(), ..good() }, "version"),
        (NewDocument { version: " 1".to_owned(), ..good() }, "version"),
        (NewDocument { version: "1\n".to_owned(), ..good() }, "version"),
        (NewDocument { version: "9".repeat(41), ..good() }, "version"),
        (NewDocument { title: Words::new("", "x"), ..good() }, "title"),
        (NewDocument { title: Words::new("x", "\u{202e}x"), ..good() }, "title"),
        (NewDocument { body: " \n".to_owned(), ..good() }, "body"),
        (NewDocument { body: "a\u{0}".to_owned(), ..good() }, "body"),
        (NewDocument { body: "a".repeat(512 * 1024 + 1), ..good() }, "body"),
    ];
    for (new, field) in cases {
        assert_eq!(new.check().unwrap_err().field, field);
    }
}
