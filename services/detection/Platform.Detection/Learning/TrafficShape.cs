using Platform.Contracts.Grpc.Telemetry.V1;
using Platform.Detection.Anomalies;
using Platform.Detection.ProtectedObjects;
using Platform.Detection.Windows;
using static Platform.Detection.ProtectedObjects.TrafficVector;

namespace Platform.Detection.Learning;

/// <summary>
/// Tells a crowd and a transfer from an attack by what the traffic beyond the usual is made of. A crowd brings more of the same, in minutes; a speed
/// test, a backup or a download is long packets of TCP or QUIC; an attack changes the mixture: other sizes, other protocols, connections that never begin.
/// </summary>
internal static class TrafficShape
{
    /// <summary>More of the same that grew over minutes may have this many times its rate.</summary>
    public const double GradualSurge = 6;

    /// <summary>More of the same, of which many sampled packets leave no doubt, that grew over minutes may have this many times its rate.</summary>
    public const double SureSurge = 10;

    /// <summary>More of the same that came at once may have this many times its rate.</summary>
    public const double AbruptSurge = 2.5;

    /// <summary>More of the same that grew over minutes, but of which nothing tells that it begins as ever, or came at once and, for all that is known, brings more of everything, may have this many times its rate.</summary>
    public const double LikelySurge = 3.5;

    /// <summary>Who tests a line is done by then, whatever small ones go on beside it; what takes longer has other bounds.</summary>
    private const int LongTransfer = 40; // seconds

    /// <summary>Who tests it again and again is not.</summary>
    private const int LongTransfers = 60; // seconds of the last minutes

    public const double LongPacket = 700 * 8;
    private const double HalvedPacket = 500 * 8; // a long and a short one of each, and answers beside them
    private const double ShortPacket = 120 * 8;
    private const double Mostly = 0.7;
    private const double NearlyAll = 0.9;
    private const double Few = 0.1;
    private const double StillTooMuch = 0.7;
    private const double MostOdd = 1.25;
    private const double Sure = 0.1;
    public const int FewestPackets = 12; // sampled ones; fewer say nothing
    private static readonly TrafficVector[] Tunnels = [Udp, Gre, Other];

    /// <summary>How many times its learned rate a vector may have, from 1; infinity: as much as it likes, below what is set and declared.</summary>
    /// <param name="over">The rule that is broken.</param>
    /// <param name="whole">The traffic.</param>
    /// <param name="excess">Of it what is beyond the usual.</param>
    /// <param name="seconds">Over so many seconds.</param>
    /// <param name="learned">The usual traffic.</param>
    /// <param name="isAbrupt">It came within minutes.</param>
    /// <param name="target">Whose traffic.</param>
    /// <param name="transferred">What is not in it because few servers sent it: it counts for the bound of transfers, and who sent the rest is not known by itself.</param>
    public static double Allowance(
        LearnedThreshold over, in SecondTraffic whole, in SecondTraffic excess, int seconds, LearnedLevel learned, bool isAbrupt, TargetWatch target, Amount transferred = default)
    {
        var mixture = new Mixture(whole, excess, seconds, Math.Max(0, (Most(target, learned) * seconds) - transferred.Bits), learned);
        var isLikeTransfer = over.Vector is Total or TcpAck or TcpFinless && mixture.IsLikeTransfer(over) && mixture.IsOfFew(target.Senders, transferred);
        return over.Vector switch
        {
            Total or TcpAck or TcpFinless when mixture.IsAcknowledgement(over, target.Uploaded(seconds)) && mixture.IsOfFew(target.Senders, transferred, Senders.Servers) => double.PositiveInfinity,
            Total or TcpAck or TcpFinless when isLikeTransfer && mixture.IsWithinTransfers() && GoesToFew(target, learned) => double.PositiveInfinity,
            _ when IsCarrier(over.Vector) && transferred == default && mixture.IsOfTwo(over, target.Senders) && GoesToFew(target, learned) => double.PositiveInfinity,
            Total or TcpAck or TcpFinless when isLikeTransfer && mixture.IsSurelyOfFew(target.Senders, transferred) => 1, // to everybody, or more than a transfer may be: a crowd comes from many
            _ => OfCrowd(over.Vector, mixture, isAbrupt, target.Level),
        };
    }

    /// <summary>The same of what has transfers in it that were taken away of the rest: not all of it is a transfer because some of it is.</summary>
    public static double AllowanceWithTransfers(
        LearnedThreshold over, in SecondTraffic whole, in SecondTraffic excess, int seconds, LearnedLevel learned, bool isAbrupt, TargetWatch target)
    {
        var mixture = new Mixture(whole, excess, seconds, Most(target, learned) * seconds, learned);
        return IsCarrier(over.Vector) && mixture.IsOfTwo(over, target.Senders) && GoesToFew(target, learned)
            ? double.PositiveInfinity
            : OfCrowd(over.Vector, mixture, isAbrupt, target.Level);
    }

    /// <summary>Tunnels, conferences and uploads come over it.</summary>
    private static bool IsCarrier(TrafficVector vector) => vector is Total or Udp or OtherAmplification or L2tp or Gre or Other or Fragment;

    private static double OfCrowd(TrafficVector vector, in Mixture mixture, bool isAbrupt, WatchLevel level)
    {
        var surge = mixture.IsSurelyTheSame() ? (isAbrupt ? GradualSurge : SureSurge)
            : isAbrupt ? (mixture.GrowsAltogether() != false ? LikelySurge : AbruptSurge)
            : level is WatchLevel.Object && !mixture.CanTellBeginnings() ? LikelySurge
            : GradualSurge;
        return vector switch
        {
            Total or TcpAck or TcpFinless when mixture.IsMoreOfTheSame(level) => surge,
            Udp when mixture.HasUsualSize(Udp) && mixture.HasUsualPart(Udp, 1.5, 0.1) => surge,
            TcpSyn or TcpSynAck or TcpRst when mixture.HasUsualPart(vector, 2.5, 0.02) => surge,
            _ when mixture.HasUsualSize(vector) && mixture.HasUsualPart(vector, 1.5, 0.01) && mixture.IsMoreOfTheSame(level) => surge, // a crowd brings everything
            _ => 1,
        };
    }

    /// <summary>Long TCP packets that a host sent, as telemetry tells them.</summary>
    public static double LongTcp(HostWindow sent)
    {
        foreach (var part in sent.Vectors)
        {
            if (part.Vector is Vector.TcpAck && part.Counters is { } counters)
            {
                return counters.Bytes * 8.0 >= LongPacket * counters.Packets ? counters.Packets : 0;
            }
        }

        return 0;
    }

    /// <summary>Bits per second that transfers to a target may have. What was an anomaly a moment ago is no test of a line, and stays one a little below what makes it one.</summary>
    public static double Most(TargetWatch target, LearnedLevel learned) =>
        target.Episode?.Open is not null ? StillTooMuch * learned.MostLongTransfer
        : target.Surge?.Large >= LongTransfer || target.Excused >= LongTransfers ? learned.MostLongTransfer
        : learned.MostTransfer;

    /// <summary>A transfer goes to one host or a few of a block or an object; what reaches many is none.</summary>
    private static bool GoesToFew(TargetWatch target, LearnedLevel learned) => target.Surge?.Receivers?.AreFew(target, learned.Grain) != false;

    /// <summary>What is beyond the usual beside what is usual; the fewer packets were sampled, the more is put down to chance.</summary>
    private readonly struct Mixture(SecondTraffic whole, SecondTraffic excess, int seconds, double mostTransferred, LearnedLevel learned)
    {
        private readonly SecondTraffic _whole = whole;
        private readonly SecondTraffic _excess = excess;
        private readonly SecondTraffic _expected = learned.Typical;
        private readonly double _mostTransferred = mostTransferred; // bits
        private readonly Amount _all = All(excess, learned);
        private readonly Amount _wholeAll = All(whole, learned);
        private readonly int _seconds = seconds;
        private readonly double _grain = learned.Grain;
        private readonly double _chance = Chance(All(excess, learned).Packets, learned.Typical.Total.Packets * (double)seconds, learned.Grain);

        /// <summary>Long packets of TCP make it up, in the unit that is over, or without them it would not be over.</summary>
        public bool IsLikeTransfer(LearnedThreshold over)
        {
            var (all, carried) = (_all, Tcp());
            var rest = Math.Max(0, all[over.Unit] - carried[over.Unit]);
            return carried.Bits > 0 // what is in no vector is none of a transfer; of few long packets among many short ones no packet is beyond the usual
                && (over.Vector is not Total
                    || carried[over.Unit] >= (Mostly - (0.5 * _chance)) * all[over.Unit]
                    || rest <= ((over.Rate - over.Usual) * _seconds) + over.Burst)
                && carried.Bits >= LongPacket * (1 - (0.7 * _chance)) * Math.Max(1, carried.Packets);
        }

        /// <summary>It has no more than transfers may have.</summary>
        public bool IsWithinTransfers() => Tcp().Bits <= _mostTransferred * (1 + _chance);

        /// <summary>
        /// One source or two, and one port or two, have most of what is beyond the usual: connections keep their ports, floods change them with each packet. Where nothing
        /// is known of sources or ports, or too few sampled packets to say, nothing is held against it. What more servers send from a service's port
        /// <see cref="Transfers"/> takes away before.
        /// </summary>
        /// <param name="senders">Who sent.</param>
        /// <param name="transferred">What was taken away, because few servers sent it: what they sent is theirs, within what is usual too.</param>
        /// <param name="sources">So many sources, where enough packets were sampled to tell them from everybody.</param>
        public bool IsOfFew(Senders senders, Amount transferred, int sources = 2)
        {
            var (servers, served) = transferred == default ? (0, 0) : (Senders.Servers, senders.ServedByFew(_grain));
            var (carried, all) = (Tcp(), Math.Max(_grain, senders.Sketched - served));
            // Of what a surge began with, sketches may have come before it: then the amount says it, not the share.
            var (enough, share) = (0.35 * carried.Packets, (0.5 * Part(carried, _wholeAll)) - Math.Sqrt(_grain / all));
            var most = all < Senders.EnoughPackets * _grain ? senders.Of(servers + 2) : senders.Of(servers + sources, least: servers > 0 ? _grain : 0); // of any crowd twenty have a packet
            var ports = senders.FromTwoPorts ?? double.MaxValue;
            return Math.Max(0, Math.Min(most, ports) - served) is var least && (least >= enough || least / all >= share);
        }

        /// <summary>
        /// Long packets of another protocol, of one sender or two, over UDP from one port or two: a tunnel between sites, a conference, what a client of a service uploads. Sketches must
        /// say so: floods that are not TCP have long packets as well. They remember another part of it than the surge does: then the share says it, not the amount.
        /// On many lines a tunnel's packets do not fit and go in two, of which only the first has ports.
        /// </summary>
        public bool IsOfTwo(LearnedThreshold over, Senders senders)
        {
            var excess = _excess;
            var carrier = over.Vector is Total ? Tunnels.MaxBy(vector => excess[vector].Bits) : over.Vector;
            var carried = _excess[carrier];
            var theirs = Math.Min(carried.Packets, senders.Sketched * Part(carried, _wholeAll)); // of what sketches remember
            theirs = Math.Max(0, theirs - Math.Sqrt(_grain * (_whole[carrier] - carried).Packets)); // of what is usual there may be more by luck
            var (tcp, isDownload) = (Tcp(), Tcp().Packets > Few * carried.Packets && Tcp().Bits >= LongPacket * Tcp().Packets);
            var beside = isDownload ? Math.Min(tcp.Packets, senders.Sketched * Part(tcp, _wholeAll)) : 0;
            // What is usual has its two ports as well: where there is more of it than of the flood, its other ports tell.
            var isOfTwoPorts = carrier is Gre or Other or Fragment
                || (senders.FromTwoPorts >= Mostly * theirs && senders.FromOtherPortsInLongPackets() <= (1 - Mostly) * theirs);
            var least = 2 * _excess[Fragment].Packets >= carried.Packets ? HalvedPacket : LongPacket;
            return carried.Packets > 0 && carried.Bits >= least * carried.Packets && carried.Bits <= _mostTransferred * (1 + _chance)
                && (over.Vector is not Total || carried[over.Unit] >= (Mostly - (0.5 * _chance)) * _all[over.Unit])
                && isOfTwoPorts && theirs > 0
                && senders.InLongPackets(isDownload ? 2 + Senders.Servers : 2, least) - beside >= Math.Max(Mostly, NearlyAll - (1.5 * Math.Sqrt(_grain / theirs))) * theirs; // a third has a fifth soon
        }

        /// <summary>Short TCP packets make it up, no more of them than long ones are sent the other way; or half of it is of these, and without them it would not be over.</summary>
        public bool IsAcknowledgement(LearnedThreshold over, double uploaded)
        {
            var tcp = Tcp();
            var luck = 2 * Math.Sqrt(_wholeAll.Packets * _grain) * _expected.Total.Bits / Math.Max(1.0, _expected.Total.Packets); // bits of the usual packets that were sampled
            return uploaded > 0 && tcp.Packets > 0
                && tcp.Bits <= (ShortPacket * (double)tcp.Packets) + luck
                && (over.Vector is not Total || tcp.Packets >= (Mostly - (0.5 * _chance)) * _all.Packets)
                && tcp.Packets <= (1.1 * uploaded) + Math.Max(
                    FewestPackets * _grain,
                    over.Unit is TrafficUnit.Packets ? Math.Min(1.1 * uploaded, ((over.Rate - over.Usual) * _seconds) + over.Burst) : 0);
        }

        /// <summary>Many sampled packets say so, long ones as transfers have them, beside those that were taken away.</summary>
        public bool IsSurelyOfFew(Senders senders, Amount transferred) =>
            senders.InLongPackets(2) >= transferred.Packets + Math.Max(FewestPackets * _grain, 0.35 * Tcp().Packets);

        public bool IsMoreOfTheSame(WatchLevel level) =>
            (HasUsualSize(Total) || IsOfUsualSize())
            && (Off(_excess, _all) <= 0.25 + (1.5 * _chance) || Off(_whole, _wholeAll) <= 0.25 + (1.5 / Math.Sqrt(Math.Max(1, _wholeAll.Packets / _grain))))
            && HasUsualPart(Icmp, 1, 0.05)
            && HasUsualPart(TcpSyn, 2.5, 0.02)
            && (level is not WatchLevel.Object || (HasBeginnings() && !GrowsAlone()));

        /// <summary>Many sampled packets, of the usual size, protocols and beginnings, in all that came and in what is beyond the usual.</summary>
        public bool IsSurelyTheSame() =>
            _chance <= Sure
            && HasUsualSize(Total) && IsOfUsualSize()
            && Math.Max(Off(_excess, _all), Off(_whole, _wholeAll)) <= Sure + _chance
            && HasUsualPart(Icmp, 1, 0.05) && HasUsualPart(TcpSyn, 1.5, 0.02)
            && GrowsAltogether() == true;

        /// <summary>
        /// A crowd opens connections as ever; a flood within connections that never began has too few of them to be luck. Only of the whole object are all
        /// vectors known from the same packets: of hosts each has its own busiest.
        /// </summary>
        private bool HasBeginnings()
        {
            var usual = UsualBeginnings();
            var seen = _whole[TcpSyn].Packets / _grain;
            return seen >= 0.4 * usual || seen >= usual - (4 * Math.Sqrt(usual)); // what is usual is a guess
        }

        /// <summary>Whether so many beginnings are usual that their want would show.</summary>
        public bool CanTellBeginnings() => UsualBeginnings() is var usual && usual - (4 * Math.Sqrt(usual)) > 0.4 * usual;

        /// <summary>
        /// A crowd brings more of everything; of a flood everything else stays as it was. Whether what is not of the protocol that most is of has grown with it, as
        /// far as enough sampled packets tell; null: they do not yet.
        /// </summary>
        public bool? GrowsAltogether()
        {
            var (usual, others) = Others();
            var (least, most) = (0.6 * usual, (usual / 0.6) + (0.05 * _wholeAll.Packets / _grain)); // of little what is usual is a guess
            return usual >= FewestPackets ? others >= least - Math.Sqrt(least) && others <= most
                : _wholeAll.Packets < 20 * FewestPackets * _grain ? null : false;
        }

        /// <summary>Of all but the protocol that most is of, many sampled packets say that it has not grown with it.</summary>
        private bool GrowsAlone()
        {
            var (usual, others) = Others();
            return usual >= 5 * FewestPackets && others < 0.5 * usual;
        }

        /// <summary>Sampled packets of other protocols than the one that most is of: as many as there would be of all that came, and as there are.</summary>
        private (double Usual, double Are) Others()
        {
            var most = _expected[Udp].Packets > _expected[TcpAck].Packets ? Udp : TcpAck;
            return ((1 - Part(_expected[most], _expected.Total)) * _wholeAll.Packets / _grain, (_wholeAll - _whole[most]).Packets / _grain);
        }

        private double UsualBeginnings() => Part(_expected[TcpSyn], _expected.Total) * _wholeAll.Packets / _grain;

        public bool HasUsualSize(TrafficVector vector)
        {
            var (beyond, usual) = (vector is Total ? _all : _excess[vector], _expected[vector]);
            if (beyond.Packets == 0 || usual.Packets == 0)
            {
                return false;
            }

            var ratio = (double)beyond.Bits / beyond.Packets / ((double)usual.Bits / usual.Packets);
            var chance = vector is Total ? _chance : Chance(beyond.Packets, usual.Packets * (double)_seconds, _grain);
            var most = (vector is Total ? 2.1 : 1.7) * (1 + (1.5 * chance));
            return ratio > 1 / most && ratio < most;
        }

        /// <summary>All of it together is about as long as ever: of a little beyond the usual the length is a difference of guesses.</summary>
        private bool IsOfUsualSize() =>
            _wholeAll.Packets > 0 && _expected.Total.Packets > 0
            && (double)_wholeAll.Bits / _wholeAll.Packets / ((double)_expected.Total.Bits / _expected.Total.Packets) is > 1 / MostOdd and < MostOdd;

        /// <summary>Of what is beyond the usual, or of everything: the usual of this hour is a guess for each vector.</summary>
        public bool HasUsualPart(TrafficVector vector, double times, double more) =>
            Math.Min(Part(_excess[vector], _all), Part(_whole[vector], _wholeAll))
                <= (times * Part(_expected[vector], _expected.Total)) + more + _chance;

        /// <summary>What could be a transfer's.</summary>
        private Amount Tcp() => _expected[TcpAck] != default ? _excess[TcpAck] : _all - (_excess[Udp] + _excess[Icmp] + _excess[TcpSyn] + _excess[Gre]);

        private double Off(in SecondTraffic traffic, Amount all) =>
            Math.Abs(Part(traffic[Udp], all) - Part(_expected[Udp], _expected.Total));

        /// <summary>
        /// How far off what is beyond the usual may be by luck: the deviation of all sampled packets, of which the usual ones were taken away, over those
        /// that are left.
        /// </summary>
        private static double Chance(double beyond, double usual, double grain) => Math.Sqrt(Math.Max(1, (beyond + usual) / grain)) / Math.Max(1, beyond / grain);

        /// <summary>Part of the packets.</summary>
        private static double Part(Amount part, Amount whole) =>
            whole.Packets == 0 ? 0 : Math.Min(1, (double)part.Packets / whole.Packets);

        /// <summary>Some of it may be in no vector, and of what is usual the vectors' sum is the better guess.</summary>
        private static Amount All(in SecondTraffic traffic, LearnedLevel learned) =>
            learned.Typical[TcpAck] != default ? Amount.Max(traffic.Parts(), traffic.Total) : traffic.Total;
    }
}
