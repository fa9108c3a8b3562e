namespace LlmGateway.Llm.Providers.Offline;

/// <summary>What the usual categories of support and of opinion are recognized by, beyond their names.</summary>
internal static class ConceptLexicon
{
    public static IReadOnlyList<Concept> All { get; } =
    [
        new("billing", "billing payment invoice finance charge", "",
            "invoice, bill, billed, charge, overcharged, payment, pay, paid, credit card, debit card, card, receipt, subscription, "
            + "subscribe, fee, vat, tax, twice, double charged, bank, bank account, took, transaction, statement, direct debit, "
            + "paypal, declined, price, cost, amount"),
        new("refund", "refund return chargeback reimbursement", "billing payment",
            "refund, money back, reimburse, reimbursement, chargeback, send back, return it, returned, return the, get back"),
        new("cancellation", "cancel cancellation churn unsubscribe termination retention", "account billing",
            "cancel, cancellation, unsubscribe, terminate, end subscription, stop my, close my, quit"),
        new("technical", "technical tech engineering troubleshooting it support software", "",
            "error, not working, doesn't work, does not, won't load, won't start, won't open, install, installation, update, "
            + "server, connect, disconnect, connection, timeout, slow, loading, api, sdk, configuration, configure, browser, app, "
            + "application, device, wifi, network, sync, screen, website, page, upload, download, driver, integration, export, "
            + "import, database, printer, offline"),
        new("bug", "bug defect error crash incident outage issue problem", "technical tech engineering",
            "bug, crash, freeze, broken, exception, stack trace, fail, failure, error, glitch, stopped working, not working, "
            + "blank, hang, doesn't work, regression, wrong result, reproduce, unresponsive, outage, down"),
        new("account", "account login profile access authentication password user identity", "",
            "account, login, log in, logged in, logging in, sign in, signing in, sign up, password, username, profile, "
            + "email address, my email, reset, locked, verification, verify, two factor, 2fa, access, register, credentials, "
            + "authenticate"),
        new("security", "security privacy fraud abuse phishing", "account",
            "hacked, hack, breach, phishing, fraud, fraudulent, stolen, suspicious, unauthorized, vulnerability, malware, gdpr, "
            + "privacy, leak, identity theft, compromised, virus"),
        new("sales", "sales pricing purchase quote lead presales commercial", "",
            "pricing, price, quote, buy, purchase, demo, trial, plan, discount, license, licence, enterprise, upgrade, sales, "
            + "seat, volume, offer, interested in, how much, cost, team plan, contract, reseller"),
        new("shipping", "shipping delivery logistics shipment fulfillment order orders", "",
            "ship, shipping, shipment, deliver, delivery, package, parcel, courier, tracking, tracking number, arrive, arrived, "
            + "late, customs, dispatch, warehouse, order, lost in, transit, address, postal"),
        new("product", "product quality item stock inventory", "",
            "product, size, color, colour, material, stock, available, warranty, manual, model, quality, item, spare"),
        new("feature request", "feature enhancement improvement suggestion idea wish wishlist roadmap", "",
            "feature, would be, it'd be, please add, add support, could you, wish, suggest, suggestion, improve, improvement, "
            + "enhancement, idea, would love, love to, would like, ability to, option to, support for, dark mode, roadmap, missing, "
            + "consider, allow"),
        new("question", "question inquiry enquiry howto help information faq", "",
            "how do, how can, how to, what is, what are, where can, where do, can i, is there, is it, do you, wondering, question, "
            + "explain, which, know whether, know if, curious"),
        new("feedback", "feedback review opinion comment", "",
            "feedback, review, opinion, think, experience, impression"),
        new("complaint", "complaint complain dissatisfaction escalation", "negative",
            "complaint, complain, unacceptable, disappointed, rude, manager, ridiculous, disgusting, furious, waiting, nobody, "
            + "ignored, terrible, worst, awful, fed up, never again, frustrated, frustrating, outrageous, poor service, angry, "
            + "shame, unprofessional, horrible",
            Opposite: "praise"),
        new("praise", "praise thanks kudos gratitude testimonial", "positive feedback",
            "thank, thanks, great, love, excellent, amazing, awesome, wonderful, fantastic, perfect, best, happy, appreciate, "
            + "kudos, brilliant, helpful, outstanding, impressed, delighted, well done, great job",
            Opposite: "complaint"),
        new("positive", "positive happy good satisfied joy favorable recommend", "",
            "good, great, love, loved, like, excellent, amazing, awesome, wonderful, fantastic, perfect, best, happy, enjoy, "
            + "enjoyable, nice, beautiful, delicious, pleased, satisfied, recommend, superb, brilliant, delightful, charming, fun, "
            + "thanks, thank, glad, impressed, favorite, outstanding, friendly, easy, fast, comfortable, works well, 😀, 😊, 👍, ❤, 🎉, 😍",
            Opposite: "negative"),
        new("negative", "negative unhappy bad dissatisfied anger sad unfavorable", "",
            "bad, terrible, awful, hate, hated, worst, horrible, poor, disappointing, disappointed, disappointment, boring, waste, "
            + "useless, broken, ugly, slow, annoying, rude, dirty, angry, sad, unhappy, unacceptable, dreadful, disgusting, regret, "
            + "mediocre, overpriced, fail, cheap, painful, problem, wrong, unfortunately, worse, frustrating, complaint, broke, "
            + "not working, stopped working, never again, never buy, never replied, 😡, 😞, 👎, 😢, 💔",
            Opposite: "positive"),
        new("urgent", "urgent critical emergency high priority blocker", "",
            "urgent, urgently, asap, immediately, emergency, critical, deadline, production, right away, at once, blocked, "
            + "everything is"),
        new("spam", "spam junk scam advertisement promotion unsolicited", "",
            "winner, won, prize, free, click, click here, lottery, casino, viagra, congratulations, limited time, act now, "
            + "buy now, earn money, make money, bitcoin, crypto, investment, loan, guaranteed, cash, cheap, selected, claim, "
            + "subscribe, seo, backlinks, inheritance"),
        new("legal", "legal compliance contract law", "",
            "lawyer, attorney, legal, sue, court, lawsuit, contract, terms, liability, license, regulation"),
        new("hr", "hr hiring recruiting job careers recruitment employment", "",
            "job, resume, cv, hire, hiring, interview, vacation, salary, payroll, candidate, apply, position, career, employee, "
            + "onboarding"),
        new("sports", "sports sport", "",
            "game, match, team, player, goal, league, coach, season, tournament, championship, football, score, cup, olympic, won"),
        new("politics", "politics political government", "world news",
            "government, election, minister, president, parliament, vote, senate, party, policy, law, campaign, democrat, "
            + "republican, congress"),
        new("business", "business economy finance market markets", "",
            "company, stock, market, shares, profit, revenue, investor, bank, economy, inflation, merger, quarter, earnings, ceo, "
            + "trade"),
        new("technology", "technology science software computing", "",
            "software, computer, phone, internet, chip, artificial intelligence, ai, startup, robot, data, researcher, scientist, "
            + "device, cloud"),
        new("health", "health medical medicine healthcare wellness", "",
            "doctor, patient, hospital, disease, symptom, pain, medicine, vaccine, health, treatment, diet, fever, virus, therapy, "
            + "drug"),
        new("entertainment", "entertainment culture movie movies film music arts", "",
            "movie, film, actor, actress, song, album, concert, series, show, director, festival, band, celebrity, novel, theatre"),
        new("travel", "travel booking trip hotel flight reservation", "",
            "flight, hotel, trip, booking, booked, reservation, airport, passport, luggage, vacation, tour, ticket, check in, "
            + "visa, seat"),
    ];
}
