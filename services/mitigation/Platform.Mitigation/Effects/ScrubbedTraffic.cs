namespace Platform.Mitigation.Effects;

/// <summary>
/// How fast the scrubbers' counters of one countermeasure grow, all agents together: the last two minutes, one look a second. In memory: what is lost
/// is looked at anew.
/// </summary>
internal sealed class ScrubbedTraffic
{
    private static readonly TimeSpan Kept = TimeSpan.FromMinutes(2);

    private readonly List<(DateTimeOffset At, long Dropped, long Passed)> _looks = [];

    public void Note(DateTimeOffset at, long droppedBytes, long passedBytes)
    {
        if (_looks.Count > 0 && (droppedBytes < _looks[^1].Dropped || passedBytes < _looks[^1].Passed))
        {
            _looks.Clear(); // an agent counts from 0 again
        }

        _looks.Add((at, droppedBytes, passedBytes));
        _looks.RemoveAll(look => look.At < at - Kept);
    }

    /// <summary>Mean rate over this time; null when it was not looked at for so long.</summary>
    /// <param name="until">End (UTC).</param>
    /// <param name="length">How long before it begins.</param>
    public FilteredRate? Rate(DateTimeOffset until, TimeSpan length)
    {
        var (first, last) = (_looks.FindLastIndex(look => look.At <= until - length), _looks.FindLastIndex(look => look.At <= until));
        if (first < 0 || last <= first)
        {
            return null;
        }

        var (from, to) = (_looks[first], _looks[last]);
        var seconds = (to.At - from.At).TotalSeconds;
        return new FilteredRate((long)((to.Dropped - from.Dropped) * 8 / seconds), (long)((to.Passed - from.Passed) * 8 / seconds));
    }
}
