using Platform.Notifications.Erasures;
using Platform.Testing;

namespace Platform.Notifications.Tests.Erasures;

public sealed class RecordErasureTests
{
    private static readonly RecordErasure Command = new(
        Guid.Parse("0190eeee-0000-7000-8000-000000000001"),
        ANotificationsService.Acme.ToGuid(),
        "DP00000001",
        ["incident"],
        new Dictionary<string, long> { ["notice"] = 3 },
        new DateTimeOffset(2030, 4, 1, 0, 0, 0, TimeSpan.Zero));

    private static readonly ContractDataErased Erased =
        new(Command.ErasureId, Command.TenantId, Command.ServiceCode, Command.DataClasses, Command.Counts, Command.At);

    [Fact]
    public void What_was_erased_is_recorded_with_its_counts() => Spec
        .For(ErasureState.Stream)
        .When(state => ErasureDecider.Decide(state, Command))
        .Then(Erased);

    [Fact]
    public void A_repeated_request_has_the_proof_already() => Spec
        .For(ErasureState.Stream)
        .Given(Erased)
        .When(state => ErasureDecider.Decide(state, Command with { At = Command.At.AddMinutes(1) }))
        .ThenUnchanged();
}
