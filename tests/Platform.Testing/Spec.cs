using System.Text.Json;
using Platform.EventStore;
using Xunit.Sdk;

namespace Platform.Testing;

/// <summary>Rules as sentences: given these events, when this is decided, then these events or this refusal.</summary>
public static class Spec
{
    public static Spec<TState, TEvent> For<TState, TEvent>(StreamType<TState, TEvent> stream)
        where TEvent : class => new(stream, []);
}

/// <summary>What has happened so far.</summary>
public sealed class Spec<TState, TEvent>
    where TEvent : class
{
    private readonly StreamType<TState, TEvent> _stream;
    private readonly IReadOnlyList<TEvent> _happened;

    internal Spec(StreamType<TState, TEvent> stream, IReadOnlyList<TEvent> happened)
    {
        _stream = stream;
        _happened = happened;
    }

    /// <summary>Adds history; may be called several times.</summary>
    public Spec<TState, TEvent> Given(params IEnumerable<TEvent> happened) => new(_stream, [.. _happened, .. happened]);

    /// <summary>Decides on the state after the history.</summary>
    public Outcome When(Func<TState, Decision<TEvent>> decide) => new(decide(_stream.Fold(_happened)));

    /// <summary>What was decided. Each check compares all of it.</summary>
    public sealed class Outcome
    {
        private readonly Decision<TEvent> _decision;

        internal Outcome(Decision<TEvent> decision) => _decision = decision;

        /// <summary>Exactly these events happened, in this order.</summary>
        public void Then(params IReadOnlyList<TEvent> expected)
        {
            if (expected.Count == 0)
            {
                throw new ArgumentException("Say ThenUnchanged() for no event.", nameof(expected));
            }

            Check(expected);
        }

        /// <summary>Nothing happened, and that is no error.</summary>
        public void ThenUnchanged() => Check([]);

        /// <summary>The rules said no with this code; gives the reason back for a closer look.</summary>
        public Rejection ThenRejected(string code) => _decision is Decision<TEvent>.Rejected(var reason) && reason.Code == code
            ? reason
            : throw new XunitException($"Expected refusal '{code}', but: {Describe(_decision)}");

        private void Check(IReadOnlyList<TEvent> expected)
        {
            // Events may hold lists, which records compare by reference; their stored form is what must be equal.
            if (_decision is not Decision<TEvent>.Accepted(var events) || !events.Select(Describe).SequenceEqual(expected.Select(Describe)))
            {
                throw new XunitException(
                    $"Expected: {Describe(new Decision<TEvent>.Accepted(expected))}\nBut:      {Describe(_decision)}");
            }
        }

        private static string Describe(Decision<TEvent> decision) => decision switch
        {
            Decision<TEvent>.Accepted { Events.Count: 0 } => "unchanged",
            Decision<TEvent>.Accepted(var events) => string.Join("; ", events.Select(Describe)),
            Decision<TEvent>.Rejected(var reason) => $"refusal '{reason.Code}' ({reason.Detail})",
            _ => decision.ToString(),
        };

        private static string Describe(TEvent happened) =>
            $"{happened.GetType().Name} {JsonSerializer.Serialize(happened, happened.GetType(), StoredForm.Json)}";
    }
}
