using Platform.EventStore;
using Xunit.Sdk;

namespace Platform.Testing.Tests;

public sealed class SpecTests
{
    private static readonly StreamType<int, Moved> Lift = new("lift", 0, (floor, moved) => floor + moved.Floors);

    [Fact]
    public void History_is_folded_before_the_decision() => Spec
        .For(Lift)
        .Given(new Moved(3, []))
        .Given(new Moved(-1, []))
        .When(floor => new Moved(floor, []))
        .Then(new Moved(2, []));

    [Fact]
    public void Events_that_hold_lists_are_compared_by_content() => Spec
        .For(Lift)
        .When(_ => new Moved(1, ["a", "b"]))
        .Then(new Moved(1, ["a", "b"]));

    [Fact]
    public void No_event_is_unchanged() => Spec.For(Lift).When(_ => Decision<Moved>.Unchanged).ThenUnchanged();

    [Fact]
    public void A_refusal_is_named_by_its_code()
    {
        var reason = Spec.For(Lift).When(_ => Refusal).ThenRejected("lift-stuck");

        Assert.Equal(RejectionKind.Conflict, reason.Kind);
    }

    [Fact]
    public void Each_difference_fails_and_shows_both_sides()
    {
        Fails("Moved {\"Floors\":2,", () => Spec.For(Lift).When(_ => new Moved(2, [])).Then(new Moved(1, [])));
        Fails("\"Bells\":[\"b\"]", () => Spec.For(Lift).When(_ => new Moved(1, ["b"])).Then(new Moved(1, ["a"])));
        Fails("unchanged", () => Spec.For(Lift).When(_ => Decision<Moved>.Unchanged).Then(new Moved(1, [])));
        Fails("Moved", () => Spec.For(Lift).When(_ => new Moved(1, [])).ThenUnchanged());
        Fails("lift-stuck", () => Spec.For(Lift).When(_ => Refusal).ThenUnchanged());
        Fails("lift-stuck", () => Spec.For(Lift).When(_ => Refusal).ThenRejected("lift-full"));
        Fails("Moved", () => Spec.For(Lift).When(_ => new Moved(1, [])).ThenRejected("lift-full"));
        Fails("Moved", () => Spec.For(Lift).When(_ => (Moved[])[new(1, []), new(1, [])]).Then(new Moved(1, [])));
    }

    private static Decision<Moved> Refusal => new Rejection(RejectionKind.Conflict, "lift-stuck", "Stuck.", "Between 2 and 3.");

    private static void Fails(string shown, Action check) =>
        Assert.Contains(shown, Assert.Throws<XunitException>(check).Message, StringComparison.Ordinal);

    internal sealed record Moved(int Floors, IReadOnlyList<string> Bells);
}
