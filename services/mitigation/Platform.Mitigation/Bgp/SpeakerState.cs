using System.Globalization;
using Platform.EventStore;

namespace Platform.Mitigation.Bgp;

/// <summary>Nothing is decided from it: the stream is the record of what the network did.</summary>
internal sealed record SpeakerState
{
    public static readonly StreamType<SpeakerState, SpeakerEvent> Stream = new("speaker", new SpeakerState(), (current, _) => current);

    /// <summary>A speaker lives long, so each day has a stream of its own.</summary>
    public static string KeyOf(string speaker, DateTimeOffset at) =>
        string.Create(CultureInfo.InvariantCulture, $"{speaker.Replace(':', '-')}.{at:yyyy-MM-dd}");
}
