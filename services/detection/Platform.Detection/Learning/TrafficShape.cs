using Platform.Detection.Anomalies;
using Platform.Detection.ProtectedObjects;
using static Platform.Detection.ProtectedObjects.TrafficVector;

namespace Platform.Detection.Learning;

/// <summary>
/// Tells a crowd and a transfer from an attack by what the traffic beyond the usual is made of. A crowd brings more of the same, in minutes; a speed
/// test, a backup or a download is long TCP packets; an attack changes the mixture: other sizes, other protocols, connections that never begin.
/// </summary>
internal static class TrafficShape
{
    /// <summary>More of the same that grew over minutes may have this many times its rate.</summary>
    private const double GradualSurge = 6;

    /// <summary>More of the same that came at once may have this many times its rate.</summary>
    private const double AbruptSurge = 2.5;

    private const double LongPacket = 700 * 8;
    private const double Mostly = 0.7;

    /// <summary>How many times its learned rate a vector may have, from 1; infinity: as much as it likes, below what is set.</summary>
    /// <param name="over">The rule that is broken.</param>
    /// <param name="excess">The traffic beyond the usual.</param>
    /// <param name="seconds">Over so many seconds.</param>
    /// <param name="learned">The usual traffic.</param>
    /// <param name="isAbrupt">It came within minutes.</param>
    public static double Allowance(LearnedThreshold over, in SecondTraffic excess, int seconds, LearnedLevel learned, bool isAbrupt)
    {
        var surge = isAbrupt ? AbruptSurge : GradualSurge;
        var mixture = new Mixture(excess, seconds, learned);
        return over.Vector switch
        {
            Total or TcpAck or TcpFinless when mixture.IsTransfer(over) => double.PositiveInfinity,
            Total or TcpAck or TcpFinless when mixture.IsMoreOfTheSame() => surge,
            Udp when mixture.HasUsualSize(Udp) && mixture.HasUsualPart(Udp, 1.5, 0.1) => surge,
            TcpSyn or TcpSynAck or TcpRst when mixture.HasUsualPart(over.Vector, 2.5, 0.02) => surge,
            _ => 1,
        };
    }

    /// <summary>What is beyond the usual beside what is usual; the fewer packets were sampled, the more is put down to chance.</summary>
    private readonly struct Mixture(SecondTraffic excess, int seconds, LearnedLevel learned)
    {
        private readonly SecondTraffic _excess = excess;
        private readonly SecondTraffic _expected = learned.Typical;
        private readonly double _mostTransfer = learned.MostTransfer * seconds;
        private readonly Amount _all = All(excess, learned);
        private readonly double _chance = 1 / Math.Sqrt(Math.Max(1, All(excess, learned).Packets / learned.Grain));

        /// <summary>Long TCP packets make it up, in the unit that is over.</summary>
        public bool IsTransfer(LearnedThreshold over)
        {
            var all = _all;
            var tcp = _expected[TcpAck] != default ? _excess[TcpAck] : all - (_excess[Udp] + _excess[Icmp] + _excess[TcpSyn] + _excess[Gre]);
            return (over.Vector is not Total || tcp[over.Unit] >= (Mostly - (0.5 * _chance)) * all[over.Unit])
                && tcp.Bits >= LongPacket * (1 - (0.7 * _chance)) * Math.Max(1, tcp.Packets)
                && tcp.Bits <= _mostTransfer * (1 + (2 * _chance));
        }

        public bool IsMoreOfTheSame() =>
            HasUsualSize(Total)
            && Math.Abs(Part(_excess[Udp], _all) - Part(_expected[Udp], _expected.Total)) <= 0.25 + (1.5 * _chance)
            && HasUsualPart(Icmp, 1, 0.05)
            && HasUsualPart(TcpSyn, 2.5, 0.02);

        public bool HasUsualSize(TrafficVector vector)
        {
            var (beyond, usual) = (vector is Total ? _all : _excess[vector], _expected[vector]);
            if (beyond.Packets == 0 || usual.Packets == 0)
            {
                return false;
            }

            var ratio = (double)beyond.Bits / beyond.Packets / ((double)usual.Bits / usual.Packets);
            var most = (vector is Total ? 2.1 : 1.7) * (1 + (1.5 * _chance));
            return ratio > 1 / most && (ratio < most || (vector is Total && _excess[TcpAck].Bits >= beyond.Bits / 2));
        }

        public bool HasUsualPart(TrafficVector vector, double times, double more) =>
            Part(_excess[vector], _all) <= (times * Part(_expected[vector], _expected.Total)) + more + _chance;

        /// <summary>Part of the packets.</summary>
        private static double Part(Amount part, Amount whole) =>
            whole.Packets == 0 ? 0 : Math.Min(1, (double)part.Packets / whole.Packets);

        private static Amount All(in SecondTraffic excess, LearnedLevel learned) =>
            learned.Typical[TcpAck] != default ? excess.Parts() : excess.Total;
    }
}
