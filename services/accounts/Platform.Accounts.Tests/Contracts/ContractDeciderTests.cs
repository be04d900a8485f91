using Platform.Accounts.Contracts;
using Platform.Testing;

namespace Platform.Accounts.Tests.Contracts;

public sealed class ContractDeciderTests
{
    private static readonly DateTimeOffset Noon = new(2030, 1, 1, 12, 0, 0, TimeSpan.Zero);
    private static readonly Guid Id = Guid.Parse("0190dddd-0000-7000-8000-000000000001");

    private static readonly ContractSigned SignedAtNoon = new(
        Id, "DP00000001", "ddos", ["192.0.2.0/24", "2001:db8::/48"], DeclaredBitsPerSecond: 1_000_000_000, Noon);

    private static readonly SignContract Sign = new(
        Id, "DP00000001", "ddos", ["2001:db8::/48", "192.0.2.0/24"], DeclaredBitsPerSecond: 1_000_000_000, Noon);

    [Fact, Trait("Requirement", "R6")]
    public void Always_on_is_ordered_once_survives_other_changes_and_is_cancelled_once()
    {
        var ordered = new ContractChanged(
            SignedAtNoon.ServiceCode, "ddos", SignedAtNoon.Prefixes, SignedAtNoon.DeclaredBitsPerSecond, Noon, AlwaysOn: true);
        Given([SignedAtNoon], new SetAlwaysOn(Ordered: true, Noon)).Then(ordered);
        Given([SignedAtNoon, ordered], new SetAlwaysOn(Ordered: true, Noon)).ThenUnchanged();
        Given([SignedAtNoon], new SetAlwaysOn(Ordered: false, Noon)).ThenUnchanged();
        Spec.For(ContractState.Stream).Given(SignedAtNoon, ordered)
            .When(state => ContractDecider.Decide(state, new ChangeContract(["198.51.100.0/24"], 5, Noon)))
            .Then(ordered with { Prefixes = ["198.51.100.0/24"], DeclaredBitsPerSecond = 5 });
        Given([SignedAtNoon, ordered], new SetAlwaysOn(Ordered: false, Noon)).Then(ordered with { AlwaysOn = false });
        Spec.For(ContractState.Stream).When(state => ContractDecider.Decide(state, Sign with { AlwaysOn = true }))
            .Then(SignedAtNoon with { AlwaysOn = true });
    }

    private static Spec<ContractState, ContractEvent>.Outcome Given(IEnumerable<ContractEvent> happened, SetAlwaysOn command) =>
        Spec.For(ContractState.Stream).Given(happened).When(state => ContractDecider.Decide(state, command));

    [Fact]
    public void Nothing_is_ordered_under_a_contract_that_has_ended_or_never_was()
    {
        Given([SignedAtNoon, new ContractTerminated(SignedAtNoon.ServiceCode, "ddos", Noon)], new SetAlwaysOn(Ordered: true, Noon))
            .ThenRejected("contract-terminated");
        Given([], new SetAlwaysOn(Ordered: true, Noon)).ThenRejected("contract-not-found");
    }

    [Fact]
    public void A_contract_comes_into_force_with_its_prefixes_in_address_order() => Spec
        .For(ContractState.Stream)
        .When(state => ContractDecider.Decide(state, Sign))
        .Then(SignedAtNoon);

    [Fact]
    public void The_same_contract_sent_again_changes_nothing() => Spec
        .For(ContractState.Stream)
        .Given(SignedAtNoon)
        .When(state => ContractDecider.Decide(state, Sign with { At = Noon.AddHours(1) }))
        .ThenUnchanged();

    [Fact]
    public void Another_contract_under_the_same_id_is_refused() => Spec
        .For(ContractState.Stream)
        .Given(SignedAtNoon)
        .When(state => ContractDecider.Decide(state, Sign with { DeclaredBitsPerSecond = 2_000_000_000 }))
        .ThenRejected("contract-already-signed");

    [Fact]
    public void Only_what_is_offered_can_be_ordered() => Spec
        .For(ContractState.Stream)
        .When(state => ContractDecider.Decide(state, Sign with { Service = "tea" }))
        .ThenRejected("service-unknown");

    [Theory]
    [Trait("Requirement", "R27")]
    [InlineData(0)]
    [InlineData(-1)]
    public void A_contract_without_declared_bandwidth_is_refused(long declared) => Spec
        .For(ContractState.Stream)
        .When(state => ContractDecider.Decide(state, Sign with { DeclaredBitsPerSecond = declared }))
        .ThenRejected("declared-bandwidth-missing");

    [Fact]
    public void A_contract_protects_something() => Spec
        .For(ContractState.Stream)
        .When(state => ContractDecider.Decide(state, Sign with { Prefixes = [] }))
        .ThenRejected("prefix-count-invalid");

    [Theory]
    [InlineData("192.0.2.1/24")] // a host bit
    [InlineData("192.0.2.0")] // no length
    [InlineData("192.0.2.0/33")]
    [InlineData("192.0.2/24")]
    [InlineData("0xC0000200/24")]
    [InlineData("2001:DB8::/48")] // not canonical
    [InlineData("2001:db8:0::/48")]
    [InlineData("2001:db8::1/48")]
    [InlineData("example.com")]
    [InlineData("")]
    public void A_prefix_is_in_canonical_notation(string prefix) => Spec
        .For(ContractState.Stream)
        .When(state => ContractDecider.Decide(state, Sign with { Prefixes = [prefix] }))
        .ThenRejected("prefix-invalid");

    [Theory]
    [InlineData("11.0.0.0/8", null)]
    [InlineData("10.0.0.0/7", "prefix-too-wide")]
    [InlineData("2001::/16", null)]
    [InlineData("2000::/15", "prefix-too-wide")]
    [InlineData("0.0.0.0/0", "prefix-too-wide")]
    [InlineData("::/0", "prefix-too-wide")]
    [InlineData("203.0.113.7/32", null)]
    [InlineData("2001:db8::7/128", null)]
    [InlineData("127.0.0.0/8", "prefix-not-routable")]
    [InlineData("169.254.1.0/24", "prefix-not-routable")]
    [InlineData("224.0.0.0/24", "prefix-not-routable")]
    [InlineData("255.255.255.255/32", "prefix-not-routable")]
    [InlineData("::1/128", "prefix-not-routable")]
    [InlineData("::ffff:192.0.2.0/120", "prefix-not-routable")]
    [InlineData("ff02::/32", "prefix-not-routable")]
    [InlineData("fe80::/64", "prefix-not-routable")]
    public void A_prefix_is_unicast_space_and_not_too_wide(string prefix, string? refusal)
    {
        var outcome = Spec.For(ContractState.Stream).When(state => ContractDecider.Decide(state, Sign with { Prefixes = [prefix] }));
        if (refusal is null)
        {
            outcome.Then(SignedAtNoon with { Prefixes = [prefix] });
        }
        else
        {
            outcome.ThenRejected(refusal);
        }
    }

    [Theory]
    [InlineData("192.0.2.0/24", "192.0.2.0/24")]
    [InlineData("192.0.2.128/25", "192.0.2.0/24")]
    [InlineData("2001:db8:1::/48", "2001:db8::/32")]
    public void Prefixes_of_one_contract_do_not_overlap(string one, string other) => Spec
        .For(ContractState.Stream)
        .When(state => ContractDecider.Decide(state, Sign with { Prefixes = [one, "198.51.100.0/24", other] }))
        .ThenRejected("prefixes-overlap");

    [Fact]
    public void A_change_replaces_prefixes_and_bandwidth() => Spec
        .For(ContractState.Stream)
        .Given(SignedAtNoon)
        .When(state => ContractDecider.Decide(state, new ChangeContract(["198.51.100.0/24"], 5, Noon.AddDays(1))))
        .Then(new ContractChanged("DP00000001", "ddos", ["198.51.100.0/24"], 5, Noon.AddDays(1)));

    [Fact]
    public void A_change_to_what_is_there_changes_nothing() => Spec
        .For(ContractState.Stream)
        .Given(SignedAtNoon)
        .When(state => ContractDecider.Decide(state, new ChangeContract(Sign.Prefixes, Sign.DeclaredBitsPerSecond, Noon.AddDays(1))))
        .ThenUnchanged();

    [Fact]
    public void A_change_obeys_the_rules_of_a_new_contract() => Spec
        .For(ContractState.Stream)
        .Given(SignedAtNoon)
        .When(state => ContractDecider.Decide(state, new ChangeContract(Sign.Prefixes, 0, Noon.AddDays(1))))
        .ThenRejected("declared-bandwidth-missing");

    [Fact]
    public void A_contract_that_was_never_signed_can_neither_change_nor_end()
    {
        Spec.For(ContractState.Stream)
            .When(state => ContractDecider.Decide(state, new ChangeContract(Sign.Prefixes, 5, Noon)))
            .ThenRejected("contract-not-found");
        Spec.For(ContractState.Stream)
            .When(state => ContractDecider.Decide(state, new TerminateContract(Noon)))
            .ThenRejected("contract-not-found");
    }

    [Fact]
    public void A_contract_ends_once()
    {
        var ended = new ContractTerminated("DP00000001", "ddos", Noon.AddDays(1));
        Spec.For(ContractState.Stream).Given(SignedAtNoon)
            .When(state => ContractDecider.Decide(state, new TerminateContract(Noon.AddDays(1))))
            .Then(ended);
        Spec.For(ContractState.Stream).Given(SignedAtNoon, ended)
            .When(state => ContractDecider.Decide(state, new TerminateContract(Noon.AddDays(2))))
            .ThenUnchanged();
    }

    [Fact]
    public void An_ended_contract_does_not_change() => Spec
        .For(ContractState.Stream)
        .Given(SignedAtNoon, new ContractTerminated("DP00000001", "ddos", Noon.AddDays(1)))
        .When(state => ContractDecider.Decide(state, new ChangeContract(["198.51.100.0/24"], 5, Noon.AddDays(2))))
        .ThenRejected("contract-terminated");
}
