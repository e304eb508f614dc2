use crate::support::{Folder, served, weighted};

#[test]
fn an_unreadable_path_is_named() {
    let folder = Folder::new();
    for command in [&["lint", "gone.yaml"][..], &["compile", "gone.yaml", "-o", "out"]] {
        let run = folder.run(command);
        assert_eq!(run.code, 2, "{run:?}");
        assert!(run.stderr.contains("cannot read gone.yaml"), "{}", run.stderr);
    }
}

#[test]
fn a_wrong_call_exits_with_2() {
    let folder = Folder::new();
    assert_eq!(folder.run(&["lint"]).code, 2);
    assert_eq!(folder.run(&["lint", "x", "--output", "xml"]).code, 2);
    assert_eq!(folder.run(&["compile", "x"]).code, 2);
}

#[test]
fn wrong_types_are_findings_with_line_and_field() {
    let folder = Folder::new();
    folder.write(
        "a.yaml",
        served("good") + &served("bad").replace("port: 80}\n---", "port: [80]}\n---"),
    );
    let run = folder.run(&["lint", "a.yaml"]);
    assert_eq!(run.code, 1);
    assert!(run.stdout.contains("error[WEIR0001]"), "{}", run.stdout);
    assert!(
        run.stdout
            .contains("TraefikService apps/bad, spec.weighted.services[0].port"),
        "{}",
        run.stdout
    );
    assert!(
        run.stdout.contains("4 objects in 1 file: 1 error"),
        "{}",
        run.stdout
    );
}

#[test]
fn ten_megabytes_of_garbage_are_one_finding() {
    let folder = Folder::new();
    let mut state = 7_u32;
    let garbage: Vec<u8> = (0..10_000_000)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .collect();
    folder.write("garbage.yaml", garbage).write("a.yaml", served("a"));
    let run = folder.run(&["lint", "garbage.yaml", "a.yaml"]);
    assert_eq!(run.code, 1);
    assert!(
        run.stdout.contains("error[WEIR0053]") && run.stdout.contains("garbage.yaml:1:"),
        "{:.400}",
        run.stdout
    );
}

#[test]
fn a_ring_of_100_000_and_a_chain_of_10_000_end_well() {
    let folder = Folder::new();
    let name = |i: usize| format!("n{i}");
    let ring: String = (0..100_000)
        .map(|i| weighted(&name(i), &[&name((i + 1) % 100_000)]))
        .collect();
    folder.write("ring.yaml", ring);
    let run = folder.run(&["compile", "ring.yaml", "-o", "out"]);
    assert_eq!(run.code, 1);
    assert_eq!(run.stderr.matches("error[WEIR0003]").count(), 100_000);

    let chain: String = (0..10_000).map(|i| weighted(&name(i), &[&name(i + 1)])).collect();
    folder.write("chain.yaml", chain + &served(&name(10_000)));
    let run = folder.run(&["compile", "chain.yaml", "-o", "out"]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("error[WEIR0015]"), "{:.400}", run.stderr);
    assert!(run.stderr.contains("more than the 64 that are allowed"));
}
