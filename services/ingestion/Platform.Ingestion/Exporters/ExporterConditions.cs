using Platform.Ingestion.Flows;

namespace Platform.Ingestion.Exporters;

/// <summary>
/// Notices when what an exporter tells can be trusted less: its sampling changed, sequence numbers show a loss, its clock is off. To be asked twice a second. An
/// exporter that samples its interfaces differently has no one rate, and no change of it.
/// </summary>
internal sealed class ExporterConditions
{
    private const int Steady = 10; // looks: five seconds
    private const int Lossless = 120; // looks: a minute
    private const long SkewedMs = 5_000;
    private const long RightMs = 2_500;

    private long _records;
    private long _gaps = -1;
    private int _lossless;
    private bool _isLosing;
    private (uint Rate, int Looks) _sampling;
    private uint _steadyRate;
    private int _skewed;
    private bool _isSkewed;

    /// <summary>What changed since the last look: condition and figures, as the fact says them, in English and Japanese.</summary>
    public IEnumerable<(string Condition, string Detail, string DetailJa)> Look(ExporterContext context)
    {
        uint rate;
        long records, gaps, skew;
        lock (context)
        {
            (rate, records, gaps, skew) = (context.LastRate, context.Records, context.SequenceGaps, context.ClockSkewMs);
        }

        if (records != _records)
        {
            _records = records;
            if (SamplingChanged(rate) is { } before)
            {
                yield return (
                    "sampling-changed",
                    Invariant($"one packet in {rate} is sampled, before it was one in {before}"),
                    Invariant($"サンプリング率が1/{before}から1/{rate}に変わりました"));
            }

            if (SkewChanged(skew) is { } isSkewed)
            {
                yield return isSkewed
                    ? (
                        "clock-skewed",
                        Invariant($"its clock is off by {skew / 1000.0:0.0} s; its flows are counted by their age, so at the right time"),
                        Invariant($"時計が{skew / 1000.0:0.0}秒ずれています。フローは経過時間をもとに、正しい時刻で集計されます"))
                    : (
                        "clock-right",
                        Invariant($"its clock is right again, to within {RightMs / 1000.0:0.0} s"),
                        Invariant($"時計のずれは{RightMs / 1000.0:0.0}秒以内に戻りました"));
            }
        }

        if (LossChanged(gaps) is { } lost)
        {
            yield return lost > 0
                ? (
                    "exporter-losing",
                    Invariant($"sequence numbers show that {lost} datagrams or records were lost on the way"),
                    Invariant($"シーケンス番号によると、フロー情報{lost}件が転送中に失われました"))
                : ("exporter-lossless", "nothing was lost on the way for a minute", "フロー情報は1分間、転送中に失われていません");
        }
    }

    /// <summary>The rate before, when another one has been steady for some seconds.</summary>
    private uint? SamplingChanged(uint rate)
    {
        _sampling = rate == _sampling.Rate ? (rate, _sampling.Looks + 1) : (rate, 1);
        if (rate == 0 || rate == _steadyRate || _sampling.Looks < Steady)
        {
            return null;
        }

        var before = _steadyRate;
        _steadyRate = rate;
        return before == 0 ? null : before;
    }

    private bool? SkewChanged(long skewMs)
    {
        var isNews = _isSkewed ? Math.Abs(skewMs) < RightMs : Math.Abs(skewMs) > SkewedMs;
        _skewed = isNews ? _skewed + 1 : 0;
        if (_skewed < Steady)
        {
            return null;
        }

        _skewed = 0;
        return _isSkewed = !_isSkewed;
    }

    /// <summary>How many were lost since the last look when that began, 0 when it is over.</summary>
    private long? LossChanged(long gaps)
    {
        var lost = _gaps < 0 ? 0 : gaps - _gaps;
        _gaps = gaps;
        _lossless = lost > 0 ? 0 : _lossless + 1;
        if (_isLosing ? _lossless < Lossless : lost <= 0)
        {
            return null;
        }

        _isLosing = !_isLosing;
        return _isLosing ? lost : 0;
    }
}
