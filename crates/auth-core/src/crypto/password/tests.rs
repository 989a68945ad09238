use std::future::Future;
use std::pin::pin;
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use auth_jose::entropy::SeededEntropy;

use super::*;

const VECTOR_PASSWORD: &str = "correct horse battery staple";
const VECTOR_HASH: &str = "000102030405060708090a0b0c0d0e0f:7034425e783148ac6ce2c4521177f6fc8ba611950b64145053bf3c4fbf26457865bbf1ea8164754187636d431114bca7374e96cf91409d23fbc0b086580d2442";

/// Small, so that the tests are quick.
const QUICK: Algorithm = Algorithm::Argon2id { memory_kib: 64, iterations: 1, parallelism: 1 };

fn hasher(algorithm: Algorithm, threads: usize, queue: usize) -> PasswordHasher {
    let config = PasswordConfig { algorithm, threads, queue };
    PasswordHasher::new(config, Arc::new(SeededEntropy::new(1))).unwrap()
}

fn quick() -> PasswordHasher {
    hasher(QUICK, 1, 8)
}

/// Occupies the only thread until the returned sender is dropped.
fn occupy(hasher: &PasswordHasher) -> mpsc::Sender<()> {
    let (release, wait) = mpsc::channel::<()>();
    let (started, is_started) = mpsc::channel();
    let pool = Arc::clone(&hasher.pool);
    let blocked = async move {
        pool.run(move |_| {
            started.send(()).unwrap();
            wait.recv().ok()
        })
        .await
    };
    std::thread::spawn(move || {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(blocked)
    });
    is_started.recv_timeout(Duration::from_secs(30)).unwrap();
    release
}

fn poll_once<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn defaults_are_owasps() {
    let config = PasswordConfig::default();
    assert_eq!(config.algorithm, Algorithm::Argon2id { memory_kib: 19_456, iterations: 2, parallelism: 1 });
    assert_eq!(config.queue, 64);
    assert!(config.threads >= 1);
}

#[tokio::test]
async fn verifies_better_auths_hash() {
    let hasher = quick();
    assert_eq!(hasher.verify(VECTOR_HASH.to_owned(), VECTOR_PASSWORD.into()).await, Ok(true));
    assert_eq!(hasher.verify(VECTOR_HASH.to_owned(), "correct horse battery stapl".into()).await, Ok(false));
}

#[tokio::test]
async fn writes_better_auths_format_when_told_to() {
    let hasher = hasher(Algorithm::Scrypt, 1, 8);
    let hash = hasher.hash(VECTOR_PASSWORD.into()).await.unwrap();
    let (salt, key) = hash.split_once(':').unwrap();
    assert_eq!((salt.len(), key.len()), (32, 128));
    assert_eq!(hash.to_lowercase(), hash);
    assert_eq!(hasher.verify(hash.clone(), VECTOR_PASSWORD.into()).await, Ok(true));
    assert_eq!(hasher.verify(hash, "wrong".into()).await, Ok(false));

    let password = Password::read(&VECTOR_PASSWORD.into()).unwrap();
    let mut salt = [0; SALT_LENGTH];
    for (byte, value) in salt.iter_mut().zip(0..) {
        *byte = value;
    }
    let vector = hasher.pool.run(move |memory| {
        let mut stored = StoredHash::blank(Algorithm::Scrypt, salt).unwrap();
        stored.key = stored.derive(&password, memory, &Runs::default()).unwrap();
        stored.to_string()
    });
    assert_eq!(vector.await.as_deref(), Ok(VECTOR_HASH));
}

#[tokio::test]
async fn writes_and_verifies_argon2id() {
    let hasher = hasher(Algorithm::default(), 2, 8);
    let hash = hasher.hash("hunter22".into()).await.unwrap();
    let other = hasher.hash("hunter22".into()).await.unwrap();
    assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
    assert_ne!(hash, other);
    assert_eq!(hasher.verify(hash.clone(), "hunter22".into()).await, Ok(true));
    assert_eq!(hasher.verify(hash.clone(), "hunter23".into()).await, Ok(false));
    // Other parameters than the configured ones, in more and in less memory.
    assert_eq!(quick().verify(hash, "hunter22".into()).await, Ok(true));
    let small = quick().hash("hunter22".into()).await.unwrap();
    assert_eq!(hasher.verify(small, "hunter22".into()).await, Ok(true));
}

#[tokio::test]
async fn verifies_hashes_of_other_argon2_implementations() {
    // Test vectors of the argon2 reference implementation.
    for (hash, password) in [
        ("$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4", "password"),
        ("$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc", "password"),
    ] {
        assert_eq!(quick().verify(hash.to_owned(), password.into()).await, Ok(true), "{hash}");
        assert_eq!(quick().verify(hash.to_owned(), "passwore".into()).await, Ok(false), "{hash}");
    }
}

#[tokio::test]
async fn two_ways_to_type_one_password_are_one() {
    let hasher = quick();
    for (typed, again) in [("caf\u{e9}-au-lait", "cafe\u{301}-au-lait"), ("\u{ff11}\u{ff12}", "12")] {
        let hash = hasher.hash(typed.into()).await.unwrap();
        assert_eq!(hasher.verify(hash, again.into()).await, Ok(true), "{typed}");
    }
}

#[tokio::test]
async fn an_unreadable_hash_fits_no_password() {
    let hasher = quick();
    let unreadable = [
        "",
        "x",
        ":",
        "plaintext",
        "00:",
        ":7034",
        "salt:7034",
        "$",
        "$argon2id$",
        "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ",
        "$argon2id$v=19$m=4294967295,t=1,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
        "$argon2id$v=19$m=64,t=4000000000,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
        "$argon2id$v=99$m=64,t=1,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
        "$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy",
    ];
    for hash in unreadable {
        assert_eq!(hasher.verify(hash.to_owned(), "x".into()).await, Ok(false), "{hash}");
    }
    let doubled = format!("{VECTOR_HASH}:00");
    assert_eq!(hasher.verify(doubled, VECTOR_PASSWORD.into()).await, Ok(false));
    assert_eq!(hasher.runs(), (u64::try_from(unreadable.len()).unwrap() + 1, 0));
}

#[tokio::test]
async fn unknown_users_cost_as_much_as_known_ones() {
    for (algorithm, one_run) in [(QUICK, (1, 0)), (Algorithm::Scrypt, (0, 1))] {
        let maker = hasher(algorithm, 1, 8);
        let hash = maker.hash("x".into()).await.unwrap();
        let known = hasher(algorithm, 1, 8);
        assert_eq!(known.verify(hash, "y".into()).await, Ok(false));
        let unknown = hasher(algorithm, 1, 8);
        assert_eq!(unknown.verify_nothing("y".into()).await, Ok(()));
        assert_eq!((known.runs(), unknown.runs()), (one_run, one_run));
    }
}

#[tokio::test]
async fn an_endless_password_costs_nothing() {
    let hasher = quick();
    let endless = || Secret::new("x".repeat(MAX_PASSWORD_BYTES + 1));
    let hash = hasher.hash(Secret::new("x".repeat(MAX_PASSWORD_BYTES))).await.unwrap();
    assert_eq!(hasher.hash(endless()).await, Err(HashError::TooLong));
    assert_eq!(hasher.verify(hash, endless()).await, Ok(false));
    assert_eq!(hasher.verify_nothing(endless()).await, Ok(()));
    assert_eq!(hasher.runs(), (1, 0));
}

#[tokio::test]
async fn a_full_queue_refuses_at_once() {
    let hasher = hasher(QUICK, 1, 2);
    let release = occupy(&hasher);
    let mut first = pin!(hasher.hash("a".into()));
    let mut second = pin!(hasher.verify_nothing("b".into()));
    assert!(poll_once(first.as_mut()).is_pending());
    assert!(poll_once(second.as_mut()).is_pending());
    assert_eq!(hasher.hash("c".into()).await, Err(HashError::Busy));
    assert_eq!(hasher.verify(VECTOR_HASH.to_owned(), "c".into()).await, Err(HashError::Busy));
    assert_eq!(hasher.verify_nothing("c".into()).await, Err(HashError::Busy));
    drop(release);
    assert!(first.await.is_ok());
    assert_eq!(second.await, Ok(()));
    assert!(hasher.hash("d".into()).await.is_ok());
}

#[tokio::test]
async fn an_abandoned_request_is_not_computed() {
    let hasher = quick();
    let release = occupy(&hasher);
    {
        let mut abandoned = pin!(hasher.hash("a".into()));
        assert!(poll_once(abandoned.as_mut()).is_pending());
    }
    let mut kept = pin!(hasher.hash("b".into()));
    assert!(poll_once(kept.as_mut()).is_pending());
    drop(release);
    assert!(kept.await.is_ok());
    assert_eq!(hasher.runs(), (1, 0));
}

#[tokio::test]
async fn a_panic_is_an_error_and_the_thread_goes_on() {
    let hasher = quick();
    assert_eq!(hasher.pool.run(|_| -> u8 { panic!("on purpose") }).await, Err(HashError::Failed));
    assert!(hasher.hash("a".into()).await.is_ok());
}

#[test]
fn the_threads_end_with_the_last_clone() {
    /// Tells when a thread that holds it has ended.
    struct OnExit(mpsc::Sender<()>);
    impl Drop for OnExit {
        fn drop(&mut self) {
            let _ = self.0.send(());
        }
    }
    thread_local! {
        static EXIT: std::cell::RefCell<Option<OnExit>> = const { std::cell::RefCell::new(None) };
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let hasher = quick();
    let (exited, is_exited) = mpsc::channel();
    let planted = hasher.pool.run(move |_| EXIT.with(|slot| slot.replace(Some(OnExit(exited))).is_none()));
    assert_eq!(runtime.block_on(planted), Ok(true));
    let clone = hasher.clone();
    drop(hasher);
    assert!(runtime.block_on(clone.hash("a".into())).is_ok());
    assert_eq!(is_exited.try_recv(), Err(mpsc::TryRecvError::Empty));
    drop(clone);
    assert_eq!(is_exited.recv_timeout(Duration::from_secs(30)), Ok(()));
}

#[test]
fn refuses_parameters_that_argon2_refuses() {
    for (memory_kib, iterations, parallelism) in [(0, 2, 1), (19_456, 0, 1), (19_456, 2, 0), (8, 1, 4)] {
        let config = PasswordConfig {
            algorithm: Algorithm::Argon2id { memory_kib, iterations, parallelism },
            ..PasswordConfig::default()
        };
        let refused = PasswordHasher::new(config, Arc::new(SeededEntropy::new(1)));
        assert!(matches!(refused, Err(PasswordSetupError::Parameters(_))), "{config:?}");
    }
}

#[test]
fn works_without_any_runtime() {
    let hasher = quick();
    let mut hashing = pin!(hasher.hash("a".into()));
    let hash = loop {
        if let Poll::Ready(result) = poll_once(hashing.as_mut()) {
            break result.unwrap();
        }
        std::thread::yield_now();
    };
    assert!(hash.starts_with("$argon2id$"), "{hash}");
}
